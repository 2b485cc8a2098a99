//! What can be known of an interpreter's requests without entering it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rickhouse_python::{Interpreter, ThreadIdent};

use crate::settings::Settings;

/// The longest request line kept for messages, in bytes.
const LABEL: usize = 256;

/// The requests of an interpreter's threads, and the heartbeat of its monitor.
pub(crate) struct InterpreterWatch {
    interpreter: &'static Interpreter,
    born: Instant,
    heartbeat_ms: AtomicU64,
    threads: Box<[ThreadWatch]>,
    stuck_after: Option<Duration>,
}

/// One thread's current request.
pub(crate) struct ThreadWatch {
    /// Milliseconds since `born`, plus one; 0 while the thread serves nothing.
    started_ms: AtomicU64,
    finished: AtomicU64,
    current: Mutex<Current>,
}

/// What the monitor needs for interrupting the right request and no other. Guarded by a lock that is held only for
/// the moment of a change or of an interruption, never while something runs.
#[derive(Default)]
pub(crate) struct Current {
    /// Counts the thread's requests; 0 while it serves none.
    pub(crate) request: u64,
    pub(crate) thread: Option<ThreadIdent>,
    /// The operating system's id of the thread.
    pub(crate) native_id: u64,
    pub(crate) interrupts: u32,
    label: Vec<u8>,
}

impl Current {
    /// The request line.
    pub(crate) fn label(&self) -> String {
        String::from_utf8_lossy(&self.label).into_owned()
    }
}

/// A request that neither ended nor let itself be interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckRequest {
    /// `PyInterpreterState_GetID` of the interpreter.
    pub interpreter: i64,
    /// The thread's number in its interpreter, from 0.
    pub thread: usize,
    /// Method and target.
    pub request_line: String,
    /// For how long it has been running.
    pub running_for: Duration,
}

/// The state of an interpreter as seen from outside Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterpreterReport {
    /// `PyInterpreterState_GetID` of the interpreter.
    pub interpreter: i64,
    /// How long ago its monitor could last enter it. Large when something holds its GIL for ever.
    pub silent_for: Duration,
    /// Requests running now.
    pub running: usize,
    /// Requests finished so far.
    pub finished: u64,
    /// Requests past the request timeout and the interrupt timeout.
    pub stuck: Vec<StuckRequest>,
}

impl InterpreterWatch {
    pub(crate) fn new(interpreter: &'static Interpreter, settings: &Settings) -> Self {
        InterpreterWatch {
            interpreter,
            born: Instant::now(),
            heartbeat_ms: AtomicU64::new(0),
            threads: (0..settings.threads.max(1))
                .map(|_| ThreadWatch::new())
                .collect(),
            stuck_after: settings
                .request_timeout
                .map(|timeout| timeout + settings.interrupt_timeout),
        }
    }

    pub(crate) fn thread(&self, number: usize) -> &ThreadWatch {
        &self.threads[number]
    }

    pub(crate) fn threads(&self) -> &[ThreadWatch] {
        &self.threads
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The monitor was inside the interpreter just now.
    pub(crate) fn beat(&self) {
        self.heartbeat_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    pub(crate) fn report(&self) -> InterpreterReport {
        let now = self.now_ms();
        let running = |thread: &&ThreadWatch| thread.started_ms.load(Ordering::Relaxed) != 0;
        InterpreterReport {
            interpreter: self.interpreter.id(),
            silent_for: Duration::from_millis(
                now.saturating_sub(self.heartbeat_ms.load(Ordering::Relaxed)),
            ),
            running: self.threads.iter().filter(running).count(),
            finished: self
                .threads
                .iter()
                .map(|thread| thread.finished.load(Ordering::Relaxed))
                .sum(),
            stuck: self.stuck(now),
        }
    }

    fn stuck(&self, now: u64) -> Vec<StuckRequest> {
        let Some(limit) = self.stuck_after else {
            return Vec::new();
        };
        let late = |(number, thread): (usize, &ThreadWatch)| {
            let running_for = thread.running_for(now).filter(|running| *running > limit)?;
            Some(StuckRequest {
                interpreter: self.interpreter.id(),
                thread: number,
                request_line: thread.current().label(),
                running_for,
            })
        };
        self.threads.iter().enumerate().filter_map(late).collect()
    }
}

impl ThreadWatch {
    fn new() -> Self {
        ThreadWatch {
            started_ms: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            current: Mutex::default(),
        }
    }

    /// A request begins on the calling thread.
    pub(crate) fn begin(&self, number: u64, now_ms: u64, request_line: (&[u8], &[u8])) {
        let mut current = self.current();
        current.request = number;
        let thread = Some(ThreadIdent::current());
        if current.thread != thread {
            current.thread = thread;
            current.native_id = ThreadIdent::current_native();
        }
        current.interrupts = 0;
        current.label.clear();
        current.label.extend_from_slice(request_line.0);
        current.label.push(b' ');
        let room = LABEL.saturating_sub(current.label.len());
        current
            .label
            .extend_from_slice(&request_line.1[..request_line.1.len().min(room)]);
        self.started_ms.store(now_ms + 1, Ordering::Relaxed);
    }

    /// The request is over: nothing may be raised in the thread for it any more. Returns whether something was.
    pub(crate) fn end(&self) -> bool {
        let interrupted = {
            let mut current = self.current();
            current.request = 0;
            current.interrupts > 0
        };
        self.started_ms.store(0, Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
        interrupted
    }

    /// The number of the thread's request, when it has been running for longer than `timeout`.
    pub(crate) fn late_request(&self, now_ms: u64, timeout: Duration) -> Option<u64> {
        // Without the lock first, for the many threads that are not late.
        self.running_for(now_ms)
            .filter(|running| *running > timeout)?;
        let current = self.current();
        // Again, now that no request can begin or end.
        let late = self
            .running_for(now_ms)
            .is_some_and(|running| running > timeout);
        (late && current.request != 0).then_some(current.request)
    }

    pub(crate) fn running_for(&self, now_ms: u64) -> Option<Duration> {
        let started = self.started_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(now_ms.saturating_sub(started)))
    }

    pub(crate) fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
