//! One request, and as many daemons as it takes to find one that answers (DD §8.3).

use std::path::Path;
use std::time::Duration;

use rickhouse_wire as wire;

use crate::client::{Before, Client};
use crate::connect::connect;
use crate::exchange::Exchange;
use crate::failure::{Answer, Failure};
use crate::stop::Outcome;

/// Where the daemons are.
#[derive(Debug, Clone, Copy)]
pub struct Daemon<'a> {
    /// The group's socket.
    pub socket: &'a Path,
    /// `connect-timeout`.
    pub connect_timeout: Duration,
    /// After so many rejections the request is given up: `2 * processes + 1`.
    pub rejections: u32,
}

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a silent daemon is waited for: `socket-timeout`, or httpd's `Timeout`.
    pub daemon: Duration,
    /// How long a client is waited for that sends a body: httpd's `Timeout`.
    pub client: Duration,
    /// `response-flush-delay`: how long to wait for more before what there is of a response is sent on its way.
    pub flush_delay: Duration,
    /// `response-buffer-size`: bytes of a response after which it is sent on its way in any case.
    pub flush_after: usize,
    /// `header-buffer-size`: the longest line of a response's head, in bytes.
    pub header: usize,
}

/// A request as it is sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The request frame. The attempts to connect are noted in it.
    pub frame: &'a mut [u8],
    /// The body that rides along; empty for a framed one or none.
    pub attached: &'a [u8],
    /// Whether a body follows in frames.
    pub framed: bool,
    /// Whether only the head of a response is asked for (`HEAD`).
    pub head_only: bool,
}

impl Outgoing<'_> {
    /// What the request frame must say about a body: `length` is the client's `Content-Length`, `None` for a chunked body,
    /// and `expect` whether the client waits for leave to send it.
    ///
    /// Small bodies ride along. Those of clients that wait do not: asking for the body is the application's decision.
    #[must_use]
    pub fn body(length: Option<u64>, expect: bool) -> wire::Body {
        let small = length.and_then(|length| u32::try_from(length).ok());
        match small.filter(|length| *length <= wire::MAX_ATTACHED) {
            Some(0) => wire::Body::None,
            Some(length) if !expect => wire::Body::Attached(length),
            _ => wire::Body::Framed(length),
        }
    }
}

/// Has the request answered by one of the group's daemons, and passes the response to `client`.
///
/// # Errors
/// [`Failure`] when there is no response; nothing has been passed to `client` then.
pub fn relay<C: Client>(
    client: &mut C,
    daemon: &Daemon<'_>,
    outgoing: &mut Outgoing<'_>,
    limits: &Limits,
) -> Result<Answer<C::Instead>, Failure> {
    let (mut connects, mut rejections) = (0, 0);
    loop {
        let (stream, attempts) = connect(daemon.socket, daemon.connect_timeout)?;
        connects += attempts;
        wire::set_attempts(outgoing.frame, connects, rejections);
        let exchange = Exchange::new(client, &stream, limits, outgoing, rejections > 0);
        match exchange.run()? {
            Outcome::Answered(answer) => return Ok(answer),
            Outcome::Rejected => rejections += 1,
        }
        if rejections >= daemon.rejections {
            return Err(Failure::Rejected(rejections));
        }
        client.note(Before::Reconnecting(rejections));
    }
}
