//! The fair gate in front of an interpreter's GIL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What attaching to an interpreter has cost so far. All values only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachStats {
    /// Number of attaches.
    pub count: u64,
    /// Sum of the times spent waiting to attach, in nanoseconds.
    pub wait_ns: u64,
    /// The longest single wait, in nanoseconds.
    pub longest_ns: u64,
}

/// The queue in front of one GIL; interpreters that share the GIL share the queue.
pub(crate) type GateQueue = Arc<Mutex<()>>;

/// A mutex that is held while a thread waits for the GIL, and only then.
///
/// CPython's GIL is not fair to threads that let go of it and come back at once: the releasing thread takes it again
/// before the waiting one has woken, and of two busy threads one gets nothing. With this gate the waiting thread sits
/// between the two: it holds the gate while it waits for the GIL, so whoever comes back queues behind it.
/// Free-threaded builds have no GIL to be fair about and pass straight through.
#[derive(Debug)]
pub(crate) struct AttachGate {
    queue: GateQueue,
    count: AtomicU64,
    wait_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl AttachGate {
    pub(crate) fn new(queue: GateQueue) -> Self {
        AttachGate {
            queue,
            count: AtomicU64::new(0),
            wait_ns: AtomicU64::new(0),
            longest_ns: AtomicU64::new(0),
        }
    }

    pub(crate) fn queue(&self) -> GateQueue {
        Arc::clone(&self.queue)
    }

    /// Runs `attach` behind the gate and returns how long that took.
    pub(crate) fn pass(&self, attach: &mut dyn FnMut()) -> Duration {
        if cfg!(Py_GIL_DISABLED) {
            return self.pass_by(attach);
        }
        let begin = Instant::now();
        // The gate guards no data, so a panic of another holder leaves nothing broken behind.
        let turn = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        attach();
        drop(turn);
        self.record(begin)
    }

    /// Runs `attach` without queueing.
    pub(crate) fn pass_by(&self, attach: &mut dyn FnMut()) -> Duration {
        let begin = Instant::now();
        attach();
        self.record(begin)
    }

    pub(crate) fn stats(&self) -> AttachStats {
        AttachStats {
            count: self.count.load(Ordering::Relaxed),
            wait_ns: self.wait_ns.load(Ordering::Relaxed),
            longest_ns: self.longest_ns.load(Ordering::Relaxed),
        }
    }

    fn record(&self, begin: Instant) -> Duration {
        let wait = begin.elapsed();
        let ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.wait_ns.fetch_add(ns, Ordering::Relaxed);
        if ns > self.longest_ns.load(Ordering::Relaxed) {
            self.longest_ns.fetch_max(ns, Ordering::Relaxed);
        }
        wait
    }
}
