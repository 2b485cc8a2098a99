//! Workers that do not start, or end: what that means for the group.

use std::time::{Duration, Instant};

use rickhouse_os::child::Ending;

use crate::event::{BootFailure, FailureKind, Generation, Report, Status, Urgency, WorkerId};
use crate::group::Group;
use crate::worker::{Phase, Worker};

impl Group {
    pub(crate) fn spawn_failed(&mut self, id: WorkerId, text: String, now: Instant) {
        if let Some(worker) = self.workers.remove(&id) {
            let failure = BootFailure {
                kind: FailureKind::Process,
                text,
            };
            self.start_failed(id, worker.generation, failure, now);
        }
    }

    pub(crate) fn boot_failed(&mut self, id: WorkerId, failure: BootFailure, now: Instant) {
        let until = Some(now + self.settings.quick_stop);
        let Some(worker) = self
            .workers
            .get_mut(&id)
            .filter(|worker| worker.is_starting())
        else {
            return;
        };
        worker.phase = Phase::Ending { until };
        let generation = worker.generation;
        self.start_failed(id, generation, failure, now);
    }

    /// A worker did not become ready. What that means depends on what it was to become part of.
    fn start_failed(
        &mut self,
        id: WorkerId,
        generation: Generation,
        failure: BootFailure,
        now: Instant,
    ) {
        if self.stopping.is_some() {
            return;
        }
        if self.reload == Some(generation) {
            self.reload_failed(generation, failure, now);
        } else if self.established {
            let wait = self.backoff.failed(now, Duration::ZERO);
            self.report(Report::RespawnFailed {
                worker: id,
                failure,
                wait,
            });
        } else {
            let code = failure.kind.exit_code();
            self.report(Report::StartFailed(id, failure));
            self.stop(Urgency::Fast, code, now);
        }
    }

    fn reload_failed(&mut self, generation: Generation, failure: BootFailure, now: Instant) {
        self.report(Report::ReloadFailed {
            generation,
            failure,
        });
        self.abandon_reload(now);
        self.announce(Status::Ready);
    }

    pub(crate) fn exited(&mut self, id: WorkerId, ending: Ending, now: Instant) {
        let Some(Worker {
            generation, phase, ..
        }) = self.workers.remove(&id)
        else {
            return;
        };
        match phase {
            Phase::Starting { blame, .. } => {
                let failure = BootFailure::from_ending(ending, blame);
                self.start_failed(id, generation, failure, now);
            }
            Phase::Serving { since } => {
                let uptime = now.saturating_duration_since(since);
                let wait = self.backoff.failed(now, uptime);
                self.report(Report::WorkerCrashed {
                    worker: id,
                    ending,
                    uptime,
                    wait,
                });
                if self.reload == Some(generation) {
                    let failure = BootFailure::from_ending(ending, FailureKind::Application);
                    self.reload_failed(generation, failure, now);
                }
            }
            Phase::Draining { .. } | Phase::Ending { .. } => {
                self.report(Report::WorkerLeft(id, ending))
            }
        }
    }
}

impl BootFailure {
    pub(crate) fn too_late(limit: Duration, kind: FailureKind) -> Self {
        let limit = limit.as_secs_f64();
        let text = match kind {
            FailureKind::Application => {
                format!(
                    "still loading the application at the end of the startup timeout of {limit} s"
                )
            }
            FailureKind::Process => format!("not ready within the startup timeout of {limit} s"),
        };
        Self { kind, text }
    }

    /// `blame` is whose fault it is, unless the process says by its exit code that it is the application's.
    fn from_ending(ending: Ending, blame: FailureKind) -> Self {
        let said = ending == Ending::Code(FailureKind::Application.exit_code());
        let kind = if said {
            FailureKind::Application
        } else {
            blame
        };
        let text = match kind {
            FailureKind::Application => {
                format!("the process ended by {ending} while it loaded the application")
            }
            FailureKind::Process => {
                format!("the process ended by {ending} and did not say why")
            }
        };
        Self { kind, text }
    }
}
