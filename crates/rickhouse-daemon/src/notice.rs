//! What the main thread is told: signals, and what workers have to tell.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rickhouse_os::signal_pipe::{Signal, SignalPipe};

use crate::timers::Event;

/// A signal that the main thread hears of, as a byte in its pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// `SIGINT` or `SIGTERM`.
    Terminate,
    /// `SIGUSR1`.
    Graceful,
    /// `SIGXCPU`.
    CpuTime,
}

impl Control {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Control::Terminate => b'S',
            Control::Graceful => b'G',
            Control::CpuTime => b'C',
        }
    }

    /// What the timers make of it. Any other byte is a signal "or any other handled one": the process ends.
    fn event(byte: u8) -> Event {
        const GRACEFUL: u8 = Control::Graceful.byte();
        const CPU_TIME: u8 = Control::CpuTime.byte();
        match byte {
            GRACEFUL => Event::Graceful,
            CPU_TIME => Event::CpuTime,
            _ => Event::Terminate,
        }
    }
}

/// What a worker has to tell the main thread. The one that was declared first is heard first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Notice {
    /// No connection can be accepted any more.
    AcceptFailed,
    /// A request was rejected because its script has changed.
    ScriptChanged,
    /// `maximum-requests` are answered and no other request runs.
    MaximumRequestsIdle,
    /// `maximum-requests` are answered.
    MaximumRequests,
    /// A request has ended while the process drains.
    RequestEnded,
}

const NOTICES: [Notice; 5] = [
    Notice::AcceptFailed,
    Notice::ScriptChanged,
    Notice::MaximumRequestsIdle,
    Notice::MaximumRequests,
    Notice::RequestEnded,
];

impl Notice {
    const fn bit(self) -> u8 {
        1 << self as u8
    }

    fn event(self) -> Event {
        match self {
            Notice::AcceptFailed => Event::Terminate,
            Notice::ScriptChanged => Event::ScriptChanged,
            Notice::MaximumRequestsIdle => Event::MaximumRequests { idle: true },
            Notice::MaximumRequests => Event::MaximumRequests { idle: false },
            Notice::RequestEnded => Event::RequestEnded,
        }
    }
}

/// What the main thread waits for: signals, through a pipe, and notices of workers. A notice is kept in an atomic, and the
/// pipe only wakes: one that is full wakes anyway, and what was decided is not lost with the byte.
#[derive(Debug)]
pub(crate) struct Inbox {
    signals: Arc<SignalPipe>,
    /// What was heard while the process started; the last one first.
    early: Mutex<Vec<u8>>,
    notices: AtomicU8,
}

/// There is a notice to look at.
const WAKE: u8 = b'.';

impl Inbox {
    /// `early` are signals that were taken out of the pipe before.
    pub(crate) fn new(signals: Arc<SignalPipe>, mut early: Vec<u8>) -> Self {
        early.reverse();
        Inbox {
            signals,
            early: Mutex::new(early),
            notices: AtomicU8::new(0),
        }
    }

    /// Tells the main thread. Told twice before it was heard, it is heard once.
    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.fetch_or(notice.bit(), SeqCst);
        self.signals.notify(WAKE);
    }

    /// What happens next; after so much time, that nothing did.
    pub(crate) fn next(&self, patience: Duration) -> Event {
        if let Some(notice) = self.notice() {
            return notice.event();
        }
        let early = self
            .early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(byte) = early {
            return Control::event(byte);
        }
        match self.signals.next(Some(patience)) {
            Ok(None) => Event::Tick,
            Ok(Some(WAKE)) => self.notice().map_or(Event::Tick, Notice::event),
            Ok(Some(byte)) => Control::event(byte),
            Err(_) => Event::SignalsLost,
        }
    }

    /// Takes a notice.
    fn notice(&self) -> Option<Notice> {
        let told = self.notices.load(SeqCst);
        let notice = NOTICES
            .into_iter()
            .find(|notice| told & notice.bit() != 0)?;
        self.notices.fetch_and(!notice.bit(), SeqCst);
        Some(notice)
    }
}

/// The signals of the main thread's pipe.
pub(crate) const CONTROL: &[(Signal, u8)] = &[
    (Signal::Interrupt, Control::Terminate.byte()),
    (Signal::Terminate, Control::Terminate.byte()),
    (Signal::User1, Control::Graceful.byte()),
    (Signal::CpuTime, Control::CpuTime.byte()),
];

/// The signals that are delivered to the application.
pub(crate) const EVENTS: &[(Signal, u8)] = &[(Signal::HangUp, b'H'), (Signal::User2, b'U')];

/// The name under which the application hears of a signal.
pub(crate) fn signal_name(byte: u8) -> Option<&'static str> {
    match byte {
        b'H' => Some("SIGHUP"),
        b'U' => Some("SIGUSR2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn inbox() -> Inbox {
        Inbox::new(Arc::new(SignalPipe::take(&[]).expect("a pipe")), Vec::new())
    }

    #[test]
    fn what_a_worker_decides_reaches_the_main_thread_past_a_full_pipe() {
        let inbox = inbox();
        // More than a pipe holds, unless somebody has made it larger.
        (0..1 << 17).for_each(|_| inbox.signals.notify(Control::Graceful.byte()));
        inbox.tell(Notice::ScriptChanged);
        assert_eq!(inbox.next(LONG), Event::ScriptChanged);
        assert_eq!(inbox.next(LONG), Event::Graceful);
    }

    #[test]
    fn each_notice_is_heard_once_and_wakes() {
        let inbox = inbox();
        for notice in NOTICES.into_iter().rev().chain(NOTICES) {
            inbox.tell(notice);
        }
        for notice in NOTICES {
            assert_eq!(inbox.next(LONG), notice.event());
        }
        // What woke for nothing, and then silence.
        for _ in 0..=2 * NOTICES.len() {
            assert_eq!(inbox.next(Duration::ZERO), Event::Tick);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| inbox.tell(Notice::RequestEnded));
            assert_eq!(inbox.next(LONG), Event::RequestEnded);
        });
    }

    #[test]
    fn signals_keep_their_order() {
        let inbox = Inbox::new(Arc::clone(&inbox().signals), b"GC".to_vec());
        for byte in [b'S', b'?'] {
            inbox.signals.notify(byte);
        }
        let heard: Vec<_> = (0..4).map(|_| inbox.next(LONG)).collect();
        let expected = [
            Event::Graceful,
            Event::CpuTime,
            Event::Terminate,
            Event::Terminate,
        ];
        assert_eq!(heard, expected);
    }
}
