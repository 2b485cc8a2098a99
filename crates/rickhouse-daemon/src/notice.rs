//! What arrives in the main thread's pipe: signals, and what workers have to tell.

use rickhouse_os::signal_pipe::Signal;

use crate::timers::Event;

/// A byte in the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// `SIGINT` or `SIGTERM`.
    Terminate,
    /// `SIGUSR1`.
    Graceful,
    /// `SIGXCPU`.
    CpuTime,
    /// A worker has ended a request while the process drains.
    RequestEnded,
    /// `maximum-requests` are answered.
    MaximumRequests,
    /// `maximum-requests` are answered and no other request runs.
    MaximumRequestsIdle,
    /// A request was rejected because its script has changed.
    ScriptChanged,
    /// No connection can be accepted any more.
    AcceptFailed,
}

const BYTES: [(Notice, u8); 8] = [
    (Notice::Terminate, b'S'),
    (Notice::Graceful, b'G'),
    (Notice::CpuTime, b'C'),
    (Notice::RequestEnded, b'e'),
    (Notice::MaximumRequests, b'm'),
    (Notice::MaximumRequestsIdle, b'i'),
    (Notice::ScriptChanged, b's'),
    (Notice::AcceptFailed, b'a'),
];

impl Notice {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Notice::Terminate => b'S',
            Notice::Graceful => b'G',
            Notice::CpuTime => b'C',
            Notice::RequestEnded => b'e',
            Notice::MaximumRequests => b'm',
            Notice::MaximumRequestsIdle => b'i',
            Notice::ScriptChanged => b's',
            Notice::AcceptFailed => b'a',
        }
    }

    /// What the timers make of it. Any other byte is a signal "or any other handled one": the process ends.
    pub(crate) fn event(byte: u8) -> Event {
        let known = BYTES.iter().find(|(_, known)| *known == byte);
        match known.map(|(notice, _)| notice) {
            Some(Notice::Terminate | Notice::AcceptFailed) | None => Event::Terminate,
            Some(Notice::Graceful) => Event::Graceful,
            Some(Notice::CpuTime) => Event::CpuTime,
            Some(Notice::RequestEnded) => Event::RequestEnded,
            Some(Notice::MaximumRequests) => Event::MaximumRequests { idle: false },
            Some(Notice::MaximumRequestsIdle) => Event::MaximumRequests { idle: true },
            Some(Notice::ScriptChanged) => Event::ScriptChanged,
        }
    }
}

/// The signals of the main thread's pipe.
pub(crate) const CONTROL: &[(Signal, u8)] = &[
    (Signal::Interrupt, Notice::Terminate.byte()),
    (Signal::Terminate, Notice::Terminate.byte()),
    (Signal::User1, Notice::Graceful.byte()),
    (Signal::CpuTime, Notice::CpuTime.byte()),
];

/// The signals that are delivered to the application.
pub(crate) const EVENTS: &[(Signal, u8)] = &[(Signal::HangUp, b'H'), (Signal::User2, b'U')];
/// Ends the thread that delivers them.
pub(crate) const NO_MORE_EVENTS: u8 = b'.';

/// The name under which the application hears of a signal.
pub(crate) fn signal_name(byte: u8) -> Option<&'static str> {
    match byte {
        b'H' => Some("SIGHUP"),
        b'U' => Some("SIGUSR2"),
        _ => None,
    }
}
