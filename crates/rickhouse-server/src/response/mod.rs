//! The head and the framing of one response, formatted into memory; sending is [`crate::exchange`]'s.

mod fields;

use std::io;

use rickhouse_wsgi::status::has_body;

pub(crate) use fields::OwnFields;
use fields::{SeenFields, field, invalid, is_field_value};

use crate::request::environ::Digits;
use crate::request::view::Version;

/// Room for the largest chunk-size line.
const CHUNK_OVERHEAD: usize = 18 + 2;

/// What of the request decides about the response's form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) is_head: bool,
    pub(crate) version: Version,
    /// Client and server both would keep the connection.
    pub(crate) keep_alive: bool,
}

/// Where the end of the response body is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Framing {
    /// There is none (HEAD, 204, 304): what the application sends is dropped.
    #[default]
    Bodiless,
    Length {
        left: u64,
    },
    Chunked,
    UntilClose,
}

/// One response.
#[derive(Debug, Default)]
pub(crate) struct Response {
    started: bool,
    framing: Framing,
    /// The client was told that the connection lives.
    pub(crate) keeps_alive: bool,
    pub(crate) status: u16,
    /// Body bytes admitted, framing not counted.
    pub(crate) body_bytes: u64,
}

impl Response {
    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    /// The end of the connection is the end of the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.started && self.framing == Framing::UntilClose
    }

    /// Formats the head into `out`. `length` is the whole body's, when the caller knows it; a `Content-Length` among the
    /// fields comes first.
    ///
    /// # Errors
    /// `InvalidInput` for a status or field that would not be a response (or more than one).
    pub(crate) fn start(
        &mut self,
        out: &mut Vec<u8>,
        facts: Facts,
        (status, reason): (u16, &[u8]),
        fields: &mut dyn Iterator<Item = (&[u8], &[u8])>,
        length: Option<u64>,
        own: &OwnFields<'_>,
    ) -> io::Result<()> {
        if !(200..=999).contains(&status) || !is_field_value(reason) {
            return Err(invalid("not a final status line"));
        }
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(Digits::default().of(u64::from(status)));
        out.push(b' ');
        out.extend_from_slice(reason);
        out.extend_from_slice(b"\r\n");
        let mut seen = SeenFields::default();
        for (name, value) in fields {
            seen.append(out, name, value, status)?;
        }
        if !seen.server && !own.server.is_empty() {
            field(out, b"Server", own.server);
        }
        if !seen.date {
            out.extend_from_slice(own.date);
        }
        self.frame(out, facts, status, seen.length, length);
        out.extend_from_slice(b"\r\n");
        (self.started, self.status) = (true, status);
        Ok(())
    }

    /// Decides where the body ends, and says so.
    fn frame(
        &mut self,
        out: &mut Vec<u8>,
        facts: Facts,
        status: u16,
        stated: Option<u64>,
        known: Option<u64>,
    ) {
        let bodiless = facts.is_head || !has_body(status);
        self.framing = match stated.or(known) {
            _ if bodiless => Framing::Bodiless,
            Some(left) => Framing::Length { left },
            None if facts.version == Version::Http11 => Framing::Chunked,
            None => Framing::UntilClose,
        };
        self.keeps_alive = facts.keep_alive && self.framing != Framing::UntilClose;
        let says_length = stated.is_none() && (!bodiless || facts.is_head && has_body(status));
        match (self.framing, known) {
            (Framing::Chunked, _) => field(out, b"Transfer-Encoding", b"chunked"),
            (_, Some(known)) if says_length => {
                field(out, b"Content-Length", Digits::default().of(known))
            }
            _ => {}
        }
        match (self.keeps_alive, facts.version) {
            (true, Version::Http11) => {}
            (true, Version::Http10) => field(out, b"Connection", b"keep-alive"),
            (false, _) => field(out, b"Connection", b"close"),
        }
    }

    /// The part of `data` that belongs to the body: all, or what the length leaves, or nothing.
    pub(crate) fn admit<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let count = usize::try_from(self.admit_count(data.len() as u64)).unwrap_or_default();
        &data[..count]
    }

    /// As [`Response::admit`], for bytes that are elsewhere.
    pub(crate) fn admit_count(&mut self, count: u64) -> u64 {
        let count = match &mut self.framing {
            Framing::Bodiless => 0,
            Framing::Length { left } => {
                let count = count.min(*left);
                *left -= count;
                count
            }
            Framing::Chunked | Framing::UntilClose => count,
        };
        self.body_bytes += count;
        count
    }

    /// What stands before admitted bytes on the wire.
    pub(crate) fn open_chunk(&self, out: &mut Vec<u8>, count: u64) {
        if self.framing == Framing::Chunked {
            // `write!` to a vector cannot fail.
            let _ = io::Write::write_fmt(out, format_args!("{count:x}\r\n"));
        }
    }

    /// What stands after admitted bytes on the wire.
    pub(crate) fn close_chunk(&self) -> &'static [u8] {
        if self.framing == Framing::Chunked {
            b"\r\n"
        } else {
            b""
        }
    }

    /// How many body bytes fit into `room` bytes of wire.
    pub(crate) fn body_room(&self, room: usize) -> usize {
        if self.framing == Framing::Chunked {
            room.saturating_sub(CHUNK_OVERHEAD)
        } else {
            room
        }
    }

    /// Ends the body. `false` when the application sent less than it said: the connection must close, so that the client
    /// sees it.
    pub(crate) fn end(&self, out: &mut Vec<u8>) -> bool {
        match self.framing {
            Framing::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
            Framing::Length { left: 1.. } => return false,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP_1_1: Facts = Facts {
        is_head: false,
        version: Version::Http11,
        keep_alive: true,
    };

    /// Sends `body` and shows the wire.
    fn wire(
        facts: Facts,
        status: u16,
        fields: &[(&str, &str)],
        known: Option<u64>,
        body: &[&str],
    ) -> io::Result<(String, bool)> {
        let mut out = Vec::new();
        let mut response = Response::default();
        let own = OwnFields {
            server: b"s",
            date: b"Date: d\r\n",
        };
        let mut fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        response.start(&mut out, facts, (status, b"R"), &mut fields, known, &own)?;
        for data in body {
            let data = response.admit(data.as_bytes());
            if !data.is_empty() {
                response.open_chunk(&mut out, data.len() as u64);
                out.extend_from_slice(data);
                out.extend_from_slice(response.close_chunk());
            }
        }
        let complete = response.end(&mut out);
        Ok((
            String::from_utf8(out).unwrap(),
            complete && response.keeps_alive,
        ))
    }

    fn check(
        facts: Facts,
        status: u16,
        fields: &[(&str, &str)],
        known: Option<u64>,
        body: &[&str],
        tail: &str,
        lives: bool,
    ) {
        let (text, lived) = wire(facts, status, fields, known, body).unwrap();
        let expected = format!("HTTP/1.1 {status} R\r\n{tail}");
        assert_eq!((text.as_str(), lived), (expected.as_str(), lives));
    }

    #[test]
    fn framing_follows_the_request_and_the_status() {
        let old = Facts {
            version: Version::Http10,
            ..HTTP_1_1
        };
        let head = Facts {
            is_head: true,
            ..HTTP_1_1
        };
        let own = "Server: s\r\nDate: d\r\n";
        check(
            HTTP_1_1,
            200,
            &[],
            Some(2),
            &["ab"],
            &format!("{own}Content-Length: 2\r\n\r\nab"),
            true,
        );
        check(
            HTTP_1_1,
            200,
            &[],
            None,
            &["ab", "", "c"],
            &format!("{own}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
            true,
        );
        check(
            old,
            200,
            &[],
            None,
            &["ab"],
            &format!("{own}Connection: close\r\n\r\nab"),
            false,
        );
        check(
            old,
            200,
            &[],
            Some(2),
            &["ab"],
            &format!("{own}Content-Length: 2\r\nConnection: keep-alive\r\n\r\nab"),
            true,
        );
        check(
            head,
            200,
            &[],
            Some(2),
            &["ab"],
            &format!("{own}Content-Length: 2\r\n\r\n"),
            true,
        );
        check(head, 200, &[], None, &["ab"], &format!("{own}\r\n"), true);
        check(
            HTTP_1_1,
            204,
            &[("Content-Length", "0")],
            Some(0),
            &["ab"],
            &format!("{own}\r\n"),
            true,
        );
        check(
            HTTP_1_1,
            304,
            &[("Content-Length", "9")],
            None,
            &["ab"],
            &format!("Content-Length: 9\r\n{own}\r\n"),
            true,
        );
    }

    #[test]
    fn the_stated_length_is_kept_or_the_connection_ends() {
        let own = "Server: s\r\nDate: d\r\n";
        check(
            HTTP_1_1,
            200,
            &[("content-length", "2")],
            None,
            &["abc", "d"],
            &format!("Content-Length: 2\r\n{own}\r\nab"),
            true,
        );
        check(
            HTTP_1_1,
            200,
            &[("content-length", "5")],
            Some(3),
            &["abc"],
            &format!("Content-Length: 5\r\n{own}\r\nabc"),
            false,
        );
    }

    #[test]
    fn what_is_the_servers_is_not_the_applications() {
        let fields = [
            ("Connection", "x"),
            ("TE", "x"),
            ("Proxy-Authenticate", "x"),
            ("Upgrade", "x"),
            ("date", "mine"),
            ("X", "y"),
        ];
        check(
            HTTP_1_1,
            200,
            &fields,
            Some(0),
            &[],
            "date: mine\r\nX: y\r\nServer: s\r\nContent-Length: 0\r\n\r\n",
            true,
        );
        for (name, value) in [
            ("a b", "c"),
            ("", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\0"),
            ("Content-Length", "x"),
        ] {
            assert_eq!(
                wire(HTTP_1_1, 200, &[(name, value)], None, &[])
                    .unwrap_err()
                    .kind(),
                io::ErrorKind::InvalidInput,
                "{name:?}"
            );
        }
        assert!(wire(HTTP_1_1, 101, &[], None, &[]).is_err());
    }
}
