//! What Python has to say in a daemon process.

use rickhouse_host::scripts::{Level, ProcessKind};
use rickhouse_host::{Interruption, Report, Reporter};

use crate::log::HttpdReporter;

/// Writes reports to the log, with the numbers that workers have there: from 0 (DD §4.3), while the engine's thread 0 is
/// the main one (DD §6.2).
pub(super) struct DaemonReporter(HttpdReporter);

impl DaemonReporter {
    /// For the threads of this process.
    pub(super) fn new(process: ProcessKind) -> Self {
        DaemonReporter(HttpdReporter::new(process))
    }
}

impl Reporter for DaemonReporter {
    fn report(&self, report: &Report<'_>) {
        let worker = |thread: usize| thread.saturating_sub(1);
        self.0.report(&match *report {
            Report::Injected { thread } => Report::Injected {
                thread: worker(thread),
            },
            Report::Interrupting(interruption) => Report::Interrupting(Interruption {
                thread: worker(interruption.thread),
                ..interruption
            }),
            other => other,
        });
    }

    fn is_enabled(&self, level: Level, in_request: bool) -> bool {
        self.0.is_enabled(level, in_request)
    }
}
