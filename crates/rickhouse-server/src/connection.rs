//! One client connection and what belongs to it between events. Only its owner (see [`crate::slab`]) touches it.

use std::net::SocketAddr;
use std::sync::Arc;

use rickhouse_os::socket::Socket;

use crate::body::Body;
use crate::request::Refusal;
use crate::request::environ::PeerText;
use crate::request::head::Head;
use crate::request::scan::{BLANK_LINE, HeadScan, is_blank};
use crate::request::view::RequestHead;
use crate::settings::Limits;

/// First size of an input buffer: a request head with room to spare.
const INPUT_SIZE: usize = 8 * 1024;
/// Larger buffers than this are not kept for the next request.
const KEEP_SIZE: usize = 512 * 1024;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A PROXY protocol header.
    Proxy,
    /// A request head (or nothing at all: idle).
    Head,
    /// A request body that is read before the handler is entered.
    Body,
    /// A thread that runs the handler.
    Complete,
    /// The client to take the rest of the response.
    Flush(After),
    /// The client to read our last response and close: what it still sends is thrown away, since closing with unread
    /// bytes would reset the connection and might destroy the response on its way.
    Linger,
}

/// What follows once a response is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    NextRequest,
    Close,
    /// The response is not whole: close, so that the client sees it.
    CutShort,
    Linger,
}

/// What a connection is for, by the listener it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Traffic,
    /// The separate listener of health checks.
    Health,
}

/// Our own address, rendered once for `SERVER_NAME` and `SERVER_PORT`.
#[derive(Debug)]
pub(crate) enum LocalName {
    Internet { host: String, port: String },
    Unix,
}

impl From<Option<SocketAddr>> for LocalName {
    fn from(address: Option<SocketAddr>) -> LocalName {
        match address {
            Some(address) => LocalName::Internet {
                host: address.ip().to_string(),
                port: address.port().to_string(),
            },
            None => LocalName::Unix,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) role: Role,
    pub(crate) local: Arc<LocalName>,
    /// The client: the socket's peer, or who a PROXY header names.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) peer_text: PeerText,
    pub(crate) peer_is_trusted: bool,
    pub(crate) phase: Phase,
    /// The last read did not empty the socket, or something was reported since.
    pub(crate) readable: bool,
    pub(crate) peer_closed: bool,
    /// Closing it now resets it: a response that only the end of the stream ends is under way, and its client must not
    /// take a part for the whole.
    pub(crate) resets: bool,
    /// The readiness set reports room to write as well.
    pub(crate) watches_writes: bool,
    /// Requests taken from this connection.
    pub(crate) served: u64,
    /// Milliseconds of the monotonic clock when the present phase is overdue; 0 is never.
    pub(crate) deadline: u64,
    /// When the request became complete, for the queue's timeout.
    pub(crate) complete_at: u64,
    /// Bytes thrown away while lingering.
    pub(crate) discarded: usize,
    /// Absent while idle.
    pub(crate) buffers: Option<Box<Buffers>>,
}

impl Connection {
    pub(crate) fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
        self.peer_text = PeerText::from(peer);
    }

    /// Makes a close from now on a reset, or an orderly end again.
    pub(crate) fn reset_on_close(&mut self, resets: bool) {
        if self.resets != resets {
            // It fails only for a connection that is no more.
            let _ = self.socket.set_reset_on_close(resets);
            self.resets = resets;
        }
    }

    /// Nothing of a request was received yet (old clients end a body with a line end that belongs to none).
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Head
            && self
                .buffers
                .as_ref()
                .is_none_or(|buffers| is_blank(buffers.input.filled()))
    }
}

/// The memory one request needs, passed from connection to connection by the thread that serves them.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) input: Input,
    pub(crate) scan: HeadScan,
    pub(crate) head: Head,
    /// Where the head ends in the input; 0 until it is complete and understood.
    pub(crate) head_end: usize,
    pub(crate) body: Body,
    pub(crate) out: Output,
}

impl Buffers {
    /// Makes ready for the next request of the same connection: what was read beyond the last one moves to the front.
    pub(crate) fn next_request(&mut self, consumed: usize) {
        self.input.consume(consumed);
        self.scan = HeadScan::default();
        self.head_end = 0;
        self.out.clear();
    }

    /// Looks for the end of the head in what was received, which is more than a blank line: that is dropped, and another
    /// one is no request.
    pub(crate) fn scan_head(&mut self, limits: &Limits) -> Result<Option<usize>, Refusal> {
        if let Some(rest) = self.input.filled().strip_prefix(BLANK_LINE) {
            if matches!(rest, [b'\r', ..]) {
                return Err(Refusal::Malformed);
            }
            self.input.consume(BLANK_LINE.len());
        }
        self.scan.advance(self.input.filled(), limits)
    }

    /// The complete head.
    pub(crate) fn view(&self) -> RequestHead<'_> {
        RequestHead {
            head: &self.head,
            input: &self.input.filled()[..self.head_end],
        }
    }

    /// Whether these are small enough to be kept when idle.
    pub(crate) fn worth_keeping(&self) -> bool {
        self.input.bytes.capacity() + self.out.bytes.capacity() + self.body.capacity() <= KEEP_SIZE
    }
}

/// Bytes received: the front of `bytes`, whose rest is room for the next read.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    end: usize,
}

impl Input {
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Makes the buffer large enough for `size` bytes in all.
    pub(crate) fn reserve_total(&mut self, size: usize) {
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
    }

    /// Reads once. The count, and whether the socket may hold more (the room was filled).
    pub(crate) fn fill(&mut self, socket: &Socket) -> std::io::Result<(usize, bool)> {
        if self.end == self.bytes.len() {
            let size = (self.bytes.len() * 2).max(INPUT_SIZE);
            self.bytes.resize(size, 0);
        }
        let room = &mut self.bytes[self.end..];
        let count = socket.recv(room)?;
        let full = count == room.len();
        self.end += count;
        Ok((count, full))
    }

    /// Drops the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.end);
        self.bytes.copy_within(count..self.end, 0);
        self.end -= count;
    }

    /// Drops everything from `at` on.
    pub(crate) fn truncate(&mut self, at: usize) {
        self.end = self.end.min(at);
    }

    #[cfg(test)]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.reserve_total(self.end + bytes.len());
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    #[cfg(test)]
    pub(crate) fn with(bytes: &[u8]) -> Input {
        Input {
            bytes: bytes.to_vec(),
            end: bytes.len(),
        }
    }
}

/// Bytes to send, and how many of them are gone.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Notes that `count` of the pending bytes were sent.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            self.clear();
        }
    }

    /// Sends what the kernel takes; `true` when nothing is left.
    pub(crate) fn send(&mut self, socket: &Socket) -> std::io::Result<bool> {
        while !self.pending().is_empty() {
            match socket.send(self.pending()) {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
