//! Why the exchange of a request and a response ends.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rickhouse_os::file;
use rickhouse_wire::response::Event;

use crate::failure::{Answer, Failure, Nonsense};

/// How an exchange ended.
pub(crate) enum Outcome<I> {
    Answered(Answer<I>),
    /// The daemon restarts; nothing was lost.
    Rejected,
}

/// Why the loop ends.
pub(crate) enum Stop<I> {
    Outcome(Outcome<I>),
    Failed(Failure),
    /// The daemon gave up the response.
    Aborted,
    ClientLost {
        flushing: bool,
        error: io::Error,
    },
}

/// How far the response has come.
pub(crate) enum Stage<I> {
    /// Nothing of it is there.
    Awaited,
    /// The head is the client's, the body is being passed on.
    Passing,
    /// The body is being dropped.
    Dropping(Option<I>),
}

/// Whether `file` is a regular one that can be read, with `length` bytes from `offset`.
pub(crate) fn has_part(file: &OwnedFd, offset: u64, length: u64) -> bool {
    let Some(end) = offset.checked_add(length) else {
        return false;
    };
    let size = file::regular_size(file.as_fd()).ok().flatten();
    size.is_some_and(|size| end <= size) && file::is_readable(file.as_fd()).unwrap_or(false)
}

/// The failure to report when the daemon hung up: that the request could not be sent comes first.
pub(crate) fn better(failure: Failure, unsent: Option<io::Error>, again: bool) -> Failure {
    match (failure, unsent) {
        (Failure::Closed | Failure::Read(_), Some(source)) => Failure::Send { again, source },
        (failure, _) => failure,
    }
}

pub(crate) fn answered<I>(answer: Answer<I>) -> Stop<I> {
    Stop::Outcome(Outcome::Answered(answer))
}

pub(crate) fn malformed<I>(nonsense: impl Into<Nonsense>) -> Stop<I> {
    Stop::Failed(Failure::Malformed(nonsense.into()))
}

pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

pub(crate) fn name(event: &Event<'_>) -> &'static str {
    match event {
        Event::Continue => "CONTINUE",
        Event::Rejected => "REJECTED",
        Event::Timeout => "TIMEOUT",
        Event::Head(_) => "HEAD",
        Event::Data(_) => "DATA",
        Event::File { .. } => "FILE",
        Event::End => "END",
        Event::Abort => "ABORT",
        Event::Fail(_) => "FAIL",
    }
}
