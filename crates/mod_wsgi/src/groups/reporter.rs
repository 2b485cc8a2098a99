//! What Python has to say in a daemon process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rickhouse_host::scripts::{Level, ProcessKind};
use rickhouse_host::{Report, Reporter};
use rickhouse_os::clock::monotonic_millis;

use crate::log::HttpdReporter;

/// Writes reports to the log, and remembers which threads' requests were interrupted, for the timers.
pub(super) struct DaemonReporter {
    log: HttpdReporter,
    /// By the threads' numbers: milliseconds of the monotonic clock plus one, 0 for a request that runs undisturbed.
    interrupted: Vec<AtomicU64>,
}

impl DaemonReporter {
    /// For threads of this process with numbers below `threads`.
    pub(super) fn new(process: ProcessKind, threads: usize) -> Self {
        DaemonReporter {
            log: HttpdReporter::new(process),
            interrupted: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A request of the thread begins.
    pub(super) fn begin(&self, thread: usize) {
        self.mark(thread, 0);
    }

    /// How long ago the present request of the thread was interrupted.
    pub(super) fn interrupted(&self, thread: usize) -> Option<Duration> {
        let at = self.interrupted.get(thread)?.load(Ordering::Relaxed);
        let since = monotonic_millis().saturating_sub(at.checked_sub(1)?);
        Some(Duration::from_millis(since))
    }

    fn mark(&self, thread: usize, at: u64) {
        if let Some(slot) = self.interrupted.get(thread) {
            slot.store(at, Ordering::Relaxed);
        }
    }
}

impl Reporter for DaemonReporter {
    fn report(&self, report: &Report<'_>) {
        if let Report::Injected { thread } = report {
            self.mark(*thread, monotonic_millis() + 1);
        }
        self.log.report(report);
    }

    fn is_enabled(&self, level: Level, in_request: bool) -> bool {
        self.log.is_enabled(level, in_request)
    }
}
