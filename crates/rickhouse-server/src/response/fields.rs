//! Header fields of a response: the application's, checked, and the server's own.

use std::io::{self, ErrorKind};

use rickhouse_wsgi::content_length::parse_declared;
use rickhouse_wsgi::header::{is_hop_by_hop, is_token};

use crate::request::environ::Digits;

/// Fields the server adds unless the application gave its own.
#[derive(Debug)]
pub(crate) struct OwnFields<'a> {
    /// Value of `Server`; empty for none.
    pub(crate) server: &'a [u8],
    /// The whole `Date` line, CRLF included.
    pub(crate) date: &'a [u8],
}

#[derive(Default)]
pub(super) struct SeenFields {
    pub(super) date: bool,
    pub(super) server: bool,
    pub(super) length: Option<u64>,
}

impl SeenFields {
    pub(super) fn append(
        &mut self,
        out: &mut Vec<u8>,
        name: &[u8],
        value: &[u8],
        status: u16,
    ) -> io::Result<()> {
        if !is_token(name) || !is_field_value(value) {
            return Err(invalid(
                "a response header has characters that do not belong there",
            ));
        }
        if is_hop_by_hop(name) {
            return Ok(());
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"date") => self.date = true,
            6 if name.eq_ignore_ascii_case(b"server") => self.server = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_declared(value)
                    .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
                return match self.length.replace(length) {
                    Some(earlier) if earlier != length => {
                        Err(invalid("two different Content-Length headers"))
                    }
                    Some(_) => Ok(()),
                    // RFC 9110 §8.6: never with 204.
                    None if status == 204 => Ok(()),
                    None => {
                        field(out, b"Content-Length", Digits::default().of(length));
                        Ok(())
                    }
                };
            }
            _ => {}
        }
        field(out, name, value);
        Ok(())
    }
}

pub(super) fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn is_field_value(value: &[u8]) -> bool {
    !value
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}
