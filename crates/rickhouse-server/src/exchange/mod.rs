//! One request and its response, as the handler sees them.

mod send;

use std::io::{self, ErrorKind};

use rickhouse_os::socket::Peeked;
use rickhouse_wsgi::status::phrase;

use crate::access::ResponseFields;
use crate::connection::{Buffers, Connection};
use crate::engine::Engine;
use crate::pace::Pace;
use crate::request::environ::{self, Origin};
use crate::request::framing::Framing;
use crate::request::view::RequestHead;
use crate::response::{Facts, OwnFields, Response};
use crate::slab::Token;

/// Answers requests. One per thread, made on the thread that uses it.
pub trait Handler {
    /// Answers one request. When it returns, the server ends the response; a response that was not started becomes a 500.
    /// A panic counts as a failed request and ends neither the thread nor the server.
    fn handle(&mut self, exchange: &mut Exchange<'_>);
}

impl<F: FnMut(&mut Exchange<'_>)> Handler for F {
    fn handle(&mut self, exchange: &mut Exchange<'_>) {
        self(exchange);
    }
}

/// One request and its response. It lives for the duration of [`Handler::handle`].
#[derive(Debug)]
pub struct Exchange<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) token: Token,
    pub(crate) connection: &'a mut Connection,
    pub(crate) buffers: &'a mut Buffers,
    pub(crate) origin: Origin,
    pub(crate) response: Response,
    pub(crate) date: &'a [u8],
    /// Fields of the response that the access log asked for.
    pub(crate) logged_fields: ResponseFields,
    /// Bytes of the response are on the wire.
    sent: bool,
    /// The response cannot be completed; the connection ends without its end.
    broken: bool,
    /// The waits for the client to take the response.
    pace: Pace,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The whole response is in the output or sent.
    Complete,
    /// The client must see that it is not whole.
    Cut,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        token: Token,
        connection: &'a mut Connection,
        buffers: &'a mut Buffers,
        date: &'a [u8],
    ) -> Exchange<'a> {
        let origin = Origin::of(connection, &buffers.view(), &engine.settings);
        Exchange {
            engine,
            token,
            connection,
            buffers,
            origin,
            response: Response::default(),
            date,
            logged_fields: ResponseFields::default(),
            sent: false,
            broken: false,
            pace: Pace::default(),
        }
    }

    // The request.

    /// The request head.
    #[must_use]
    pub fn head(&self) -> RequestHead<'_> {
        self.buffers.view()
    }

    /// Calls `sink` with name and value of every CGI variable (RFC 3875, PEP 3333 without `wsgi.*`): the request line, the
    /// site, the client, `CONTENT_TYPE`, `CONTENT_LENGTH` and `HTTP_*`. Each name comes once.
    pub fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        environ::variables(
            &self.head(),
            self.connection,
            self.origin,
            &self.engine.settings,
            sink,
        );
    }

    /// Whether the client speaks TLS to a trusted proxy (`wsgi.url_scheme`).
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.https
    }

    /// Length of the request body; `None` when it comes chunked. 0 when there is none.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        match self.buffers.head.framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }

    /// Whether the whole request body is in memory: reads never wait.
    #[must_use]
    pub fn body_buffered(&self) -> bool {
        self.buffers.body.is_buffered(&self.buffers.input)
    }

    /// Reads some of the request body; 0 is its end. May wait for the client: up to the body timeout for each piece, and
    /// all waits of one body together up to the body timeout plus one second per KiB received (a body small enough to be
    /// buffered: the body timeout). Sends `100 Continue` first when the client waits for it.
    ///
    /// # Errors
    /// The body is broken: badly framed (`InvalidData`), larger than allowed (`FileTooLarge`), stopped (`TimedOut`) or cut
    /// off (`UnexpectedEof`). The error repeats on later reads, and the connection closes after the response.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Buffers { body, input, .. } = &mut *self.buffers;
        if body.take_awaits_continue(input) && !self.sent {
            self.send_continue()?;
        }
        let Buffers { body, input, .. } = &mut *self.buffers;
        body.read(
            input,
            &self.connection.socket,
            buffer,
            self.engine.body_wait(),
        )
    }

    fn send_continue(&mut self) -> io::Result<()> {
        let mut rest: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        while !rest.is_empty() {
            match self.connection.socket.send(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => self.wait_after(error)?,
            }
        }
        Ok(())
    }

    // The response.

    /// Sets the response head. It is kept until [`Exchange::write`], [`Exchange::flush`], [`Exchange::send_file`] or the
    /// end; until then a second call replaces it, along with what was pushed.
    ///
    /// The server adds `Date`, `Server`, `Connection` and the framing; connection-specific fields (`Connection`,
    /// `Keep-Alive`, `Transfer-Encoding`, …) are dropped. `length` is the body's, if known. A `Content-Length` field (or
    /// `length`) is held: a surplus is cut, a shortfall closes the connection.
    ///
    /// # Errors
    /// `InvalidInput` when status, reason or a field cannot stand in a response head, and when a head was sent already.
    pub fn start(
        &mut self,
        status: u16,
        reason: &[u8],
        headers: &mut dyn Iterator<Item = (&[u8], &[u8])>,
        length: Option<u64>,
    ) -> io::Result<()> {
        if self.sent {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "the response head was sent already",
            ));
        }
        self.buffers.out.clear();
        self.response = Response::default();
        let facts = Facts {
            is_head: self.head().method() == b"HEAD",
            version: self.buffers.head.version,
            keep_alive: self.may_keep_alive(),
        };
        let own = OwnFields {
            server: self.engine.settings.server_header.as_bytes(),
            date: self.date,
        };
        let out = &mut self.buffers.out.bytes;
        let started = match self.engine.access.as_ref() {
            Some(access) if access.wants_response_fields() => {
                let logged = &mut self.logged_fields;
                logged.clear();
                let mut watched =
                    headers.inspect(|(name, value)| access.keep_field(logged, name, value));
                self.response
                    .start(out, facts, (status, reason), &mut watched, length, &own)
            }
            _ => self
                .response
                .start(out, facts, (status, reason), headers, length, &own),
        };
        if started.is_err() {
            self.buffers.out.clear();
        }
        started
    }

    /// A client that has ended its side may still have requests on their way to us, sent before that.
    fn may_keep_alive(&self) -> bool {
        self.buffers.head.keep_alive
            && !self.buffers.body.awaits_continue()
            && self.buffers.body.refusal().is_none()
            && self.engine.keeps_alive()
    }

    /// How many bytes [`Exchange::push`] takes without I/O.
    #[must_use]
    pub fn buffered_room(&self) -> usize {
        let room = self
            .engine
            .settings
            .limits
            .response_buffer
            .saturating_sub(self.buffers.out.pending().len());
        self.response.body_room(room)
    }

    /// Adds body bytes to the buffer; never waits. Before [`Exchange::start`] it does nothing.
    pub fn push(&mut self, data: &[u8]) {
        if !self.response.is_started() || self.broken {
            return;
        }
        let data = self.response.admit(data);
        if data.is_empty() {
            return;
        }
        let out = &mut self.buffers.out.bytes;
        self.response.open_chunk(out, data.len() as u64);
        out.extend_from_slice(data);
        out.extend_from_slice(self.response.close_chunk());
    }

    /// Whether [`Exchange::start`] was called.
    #[must_use]
    pub fn started(&self) -> bool {
        self.response.is_started()
    }

    /// Whether any byte of the response is on the wire.
    #[must_use]
    pub fn sent(&self) -> bool {
        self.sent
    }

    /// Gives up on this response. Nothing sent yet: a small error page of this status takes its place. Otherwise the
    /// connection ends without the response's end, so that the client sees that it is not whole.
    ///
    /// A request whose body broke while it was read is the client's failure: it is answered with the body's status (400,
    /// 408, 413) in place of a 500.
    pub fn fail(&mut self, status: u16) {
        if self.sent {
            self.broken = true;
            return;
        }
        let status = match self.buffers.body.refusal() {
            Some(refusal) if status == 500 => refusal.status(),
            _ => status,
        };
        let text = phrase(status);
        let page = format!("{status} {text}\n");
        let fields: [(&[u8], &[u8]); 1] = [(b"Content-Type", b"text/plain; charset=utf-8")];
        match self.start(
            status,
            text.as_bytes(),
            &mut fields.into_iter(),
            Some(page.len() as u64),
        ) {
            Ok(()) => self.push(page.as_bytes()),
            // The status is none; there is no page for that.
            Err(_) => self.broken = true,
        }
    }

    /// Whether the client closed or reset the connection, as far as is known now.
    #[must_use]
    pub fn client_gone(&self) -> bool {
        let heard = self.connection.peer_closed || self.engine.slab.heard_peer_closed(self.token);
        heard && self.connection.socket.peek() == Peeked::Closed
    }

    /// Ends the response, into the output only.
    pub(crate) fn finish(&mut self) -> Outcome {
        if !self.response.is_started() && !self.broken {
            self.fail(500);
        }
        let ended = !self.broken && self.response.end(&mut self.buffers.out.bytes);
        if ended {
            Outcome::Complete
        } else {
            Outcome::Cut
        }
    }
}
