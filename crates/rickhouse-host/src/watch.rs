//! What can be known of an interpreter's requests without entering it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rickhouse_python::{Interpreter, ThreadIdent};

/// The longest request line kept for messages, in bytes.
const LABEL: usize = 256;

/// The requests of an interpreter's threads, and the heartbeat of its monitor.
pub(crate) struct InterpreterWatch {
    interpreter: &'static Interpreter,
    born: Instant,
    heartbeat_ms: AtomicU64,
    /// By the threads' numbers. Locked to add one, and to look at all; a thread keeps its own.
    threads: Mutex<Vec<Arc<ThreadWatch>>>,
    pub(crate) limits: Limits,
}

/// For how long requests may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) request_timeout: Option<Duration>,
    /// What the operator wrote, for the log: `request_timeout` may be a multiple of it.
    pub(crate) configured_timeout: Option<Duration>,
    /// How long an interrupted request may take to end before it counts as stuck.
    pub(crate) interrupt_timeout: Duration,
    pub(crate) interrupts: Interrupts,
}

/// How often a request that runs for too long is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupts {
    /// Not at all: it counts as stuck at once.
    Never,
    /// Once; what an application does about it has the interrupt timeout to finish.
    Once,
    /// Until it ends: applications with bare `except:` swallow the first.
    Repeated,
}

impl Limits {
    fn stuck_after(&self) -> Option<Duration> {
        let timeout = self.request_timeout?;
        Some(match self.interrupts {
            Interrupts::Never => timeout,
            Interrupts::Once | Interrupts::Repeated => timeout + self.interrupt_timeout,
        })
    }
}

/// One thread's current request.
pub(crate) struct ThreadWatch {
    number: usize,
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
    /// When it was interrupted first.
    pub(crate) interrupted: Option<Instant>,
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
    /// The thread's number, from 0.
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
    pub(crate) fn new(interpreter: &'static Interpreter, limits: Limits) -> Self {
        InterpreterWatch {
            interpreter,
            born: Instant::now(),
            heartbeat_ms: AtomicU64::new(0),
            threads: Mutex::default(),
            limits,
        }
    }

    /// The place of the thread `number`, made when it is new; threads are numbered from 0, per process.
    pub(crate) fn thread(&self, number: usize) -> Arc<ThreadWatch> {
        let mut threads = self.lock();
        match threads.binary_search_by_key(&number, |thread| thread.number) {
            Ok(found) => Arc::clone(&threads[found]),
            Err(place) => {
                let thread = Arc::new(ThreadWatch::new(number));
                threads.insert(place, Arc::clone(&thread));
                thread
            }
        }
    }

    pub(crate) fn threads(&self) -> Vec<Arc<ThreadWatch>> {
        self.lock().clone()
    }

    /// Python's idents of the threads that serve requests now, by their numbers.
    pub(crate) fn serving(&self) -> Vec<(usize, ThreadIdent)> {
        let serving = |thread: &Arc<ThreadWatch>| {
            let current = thread.current();
            let ident = current.thread.filter(|_| current.request != 0)?;
            Some((thread.number, ident))
        };
        self.lock().iter().filter_map(serving).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<ThreadWatch>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The monitor was inside the interpreter just now.
    pub(crate) fn beat(&self) {
        self.heartbeat_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// How long ago the request that the thread with this number serves was interrupted.
    pub(crate) fn interrupted(&self, number: usize) -> Option<Duration> {
        let threads = self.lock();
        let place = threads.binary_search_by_key(&number, |thread| thread.number);
        let current = threads[place.ok()?].current();
        let interrupted = current.interrupted.filter(|_| current.request != 0)?;
        Some(interrupted.elapsed())
    }

    pub(crate) fn report(&self) -> InterpreterReport {
        let now = self.now_ms();
        let threads = self.threads();
        let running = |thread: &&Arc<ThreadWatch>| thread.started_ms.load(Ordering::Relaxed) != 0;
        InterpreterReport {
            interpreter: self.interpreter.id(),
            silent_for: Duration::from_millis(
                now.saturating_sub(self.heartbeat_ms.load(Ordering::Relaxed)),
            ),
            running: threads.iter().filter(running).count(),
            finished: threads
                .iter()
                .map(|thread| thread.finished.load(Ordering::Relaxed))
                .sum(),
            stuck: self.stuck(&threads, now),
        }
    }

    fn stuck(&self, threads: &[Arc<ThreadWatch>], now: u64) -> Vec<StuckRequest> {
        let Some(limit) = self.limits.stuck_after() else {
            return Vec::new();
        };
        let late = |thread: &Arc<ThreadWatch>| {
            let running_for = thread.running_for(now).filter(|running| *running > limit)?;
            Some(StuckRequest {
                interpreter: self.interpreter.id(),
                thread: thread.number,
                request_line: thread.current().label(),
                running_for,
            })
        };
        threads.iter().filter_map(late).collect()
    }
}

impl ThreadWatch {
    fn new(number: usize) -> Self {
        ThreadWatch {
            number,
            started_ms: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            current: Mutex::default(),
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// A request begins on the calling thread, or began for it at `now_ms`.
    pub(crate) fn begin(&self, number: u64, now_ms: u64, request_line: (&[u8], &[u8])) {
        let mut current = self.current();
        current.request = number;
        let thread = Some(ThreadIdent::current());
        if current.thread != thread {
            current.thread = thread;
            current.native_id = ThreadIdent::current_native();
        }
        current.interrupted = None;
        current.label.clear();
        current.label.extend_from_slice(request_line.0);
        current.label.push(b' ');
        let room = LABEL.saturating_sub(current.label.len());
        current
            .label
            .extend_from_slice(&request_line.1[..request_line.1.len().min(room)]);
        self.started_ms.store(now_ms + 1, Ordering::Relaxed);
    }

    /// The request is over: nothing may be raised in the thread for it any more. Returns whether something was. Ending
    /// it again changes nothing.
    pub(crate) fn end(&self) -> bool {
        let interrupted = {
            let mut current = self.current();
            if current.request == 0 {
                return false;
            }
            current.request = 0;
            current.interrupted.is_some()
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
