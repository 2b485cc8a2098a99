//! A request head: found in the bytes that arrive ([`scan`]), parsed and checked ([`head`], [`target`], [`framing`]),
//! and shown to the handler as it is ([`view`]) and as CGI variables ([`environ`]).

pub(crate) mod environ;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod scan;
pub(crate) mod target;
pub(crate) mod view;

/// Why a request is refused. Each has one status, and the connection closes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not HTTP as the RFCs have it.
    Malformed,
    /// The head did not arrive in time.
    TimedOut,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The request line is too long.
    TargetTooLong,
    /// An expectation other than `100-continue`.
    UnknownExpectation,
    /// The head is too large or has too many fields.
    HeadTooLarge,
    /// A method that makes no sense here (`CONNECT`), or a transfer coding we do not know.
    NotImplemented,
    /// Not HTTP/1.0 or HTTP/1.1.
    UnsupportedVersion,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Refusal::Malformed => 400,
            Refusal::TimedOut => 408,
            Refusal::BodyTooLarge => 413,
            Refusal::TargetTooLong => 414,
            Refusal::UnknownExpectation => 417,
            Refusal::HeadTooLarge => 431,
            Refusal::NotImplemented => 501,
            Refusal::UnsupportedVersion => 505,
        }
    }
}
