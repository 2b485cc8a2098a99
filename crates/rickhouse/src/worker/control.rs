//! The control thread: obeys the supervisor and the signals, and sees to it that the worker ends in time.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_config::Config;
use rickhouse_os::poll;
use rickhouse_os::process::exit_now;
use rickhouse_os::signals::{Notice, Signals};
use rickhouse_supervisor::RetireReason;
use rickhouse_supervisor::control::{ToSupervisor, ToWorker, WorkerEnd};
use tracing::{debug, error, info, warn};

use super::course::{Asked, Course};
use crate::log::Output;
use crate::plan::EXIT_HANDLERS;

/// The log files of a worker.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) error: Arc<Output>,
    pub(super) access: Option<Arc<Output>>,
}

/// How often a worker that was asked to end is looked at: nobody tells when the last request is over.
const END_IS_LOOKED_FOR: Duration = Duration::from_millis(250);

/// What the thread works with.
pub(super) struct Control {
    channel: WorkerEnd,
    signals: Signals,
    logs: Logs,
    course: Arc<Course>,
    graceful_timeout: Duration,
    /// The supervisor's end is closed, and the worker on its way out.
    orphaned: bool,
    /// The worker was asked to terminate before.
    retiring: bool,
}

impl Control {
    pub(super) fn new(
        channel: WorkerEnd,
        signals: Signals,
        logs: Logs,
        course: Arc<Course>,
        config: &Config,
    ) -> Self {
        Self {
            channel,
            signals,
            logs,
            course,
            graceful_timeout: config.graceful_timeout,
            orphaned: false,
            retiring: false,
        }
    }

    /// Starts the thread; it runs until the process ends.
    pub(super) fn start(mut self) -> std::io::Result<()> {
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                loop {
                    self.round();
                }
            })?;
        Ok(())
    }

    fn round(&mut self) {
        // After the requests the exit handlers of the application run; they, too, have an end.
        let end = self.course.latest_end(EXIT_HANDLERS);
        let timeout = end.map(|end| {
            end.saturating_duration_since(Instant::now())
                .min(END_IS_LOOKED_FOR)
        });
        if timeout.is_some_and(|left| left.is_zero()) {
            error!(
                code = "RH0206",
                "the exit handlers did not come to an end; the worker ends without them"
            );
            exit_now(1);
        }
        let channel = (!self.orphaned).then(|| self.channel.as_fd());
        let descriptors: Vec<_> = [self.signals.as_fd()].into_iter().chain(channel).collect();
        if let Err(error) = poll::readable(&descriptors, timeout) {
            error!(code = "RH0207", %error, "cannot wait for orders");
            thread::sleep(Duration::from_secs(1));
        }
        self.obey_signals();
        if !self.orphaned {
            self.obey_supervisor();
        }
    }

    fn obey_supervisor(&mut self) {
        let arrived = self.channel.receive(usize::MAX);
        for order in arrived.messages {
            debug!(?order, "order from the supervisor");
            match order {
                ToWorker::Drain { within } => self.drain(within),
                ToWorker::Stop => end_if_booting(self.course.stop()),
                ToWorker::ReopenLogs => self.reopen_logs(),
            }
        }
        if arrived.closed {
            self.orphaned = true;
            warn!(
                code = "RH0202",
                "the supervisor is gone: running requests are finished, then the worker leaves"
            );
            self.drain(self.graceful_timeout);
        }
    }

    /// Only the signals that somebody sends to this very process count: `^C` goes to the whole foreground group, and
    /// there it is the supervisor who decides.
    fn obey_signals(&mut self) {
        for notice in self.signals.pending() {
            match notice {
                Notice::Terminate => self.terminate(),
                Notice::User1 => self.reopen_logs(),
                Notice::Interrupt
                | Notice::Quit
                | Notice::HangUp
                | Notice::User2
                | Notice::TerminalIn
                | Notice::TerminalOut
                | Notice::Child => {}
            }
        }
    }

    /// Leaves the service when a replacement is in it, so that it does not pause; asked twice, or without a supervisor,
    /// at once.
    fn terminate(&mut self) {
        let asked = ToSupervisor::Retire(RetireReason::Asked);
        let first = !std::mem::replace(&mut self.retiring, true);
        if first && !self.orphaned && self.course.is_serving() && self.channel.send(&asked).is_ok()
        {
            info!(
                code = "RH0201",
                "asked to terminate: serving until there is a replacement"
            );
        } else {
            info!(
                code = "RH0210",
                "asked to terminate: running requests are finished"
            );
            self.drain(self.graceful_timeout);
        }
    }

    fn drain(&self, within: Duration) {
        end_if_booting(self.course.drain_by(Instant::now() + within));
    }

    fn reopen_logs(&self) {
        for log in [Some(&self.logs.error), self.logs.access.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Err(error) = log.reopen() {
                error!(code = "RH0126", "log file not opened again: {error:#}");
            }
        }
    }
}

fn end_if_booting(asked: Asked) {
    if asked == Asked::Booting {
        exit_now(0);
    }
}
