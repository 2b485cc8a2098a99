//! The state machine: what each event changes.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::backoff::Backoff;
use crate::event::{
    Action, BootFailure, Command, Event, FailureKind, Generation, Report, RetireReason, Status,
    Urgency, WorkerId,
};
use crate::settings::Settings;
use crate::worker::{Phase, Worker};

/// How often the pulses are looked at, as a part of the time they may stand still.
const LOOKS_PER_SILENCE: u32 = 4;

/// A group of workers that run the same application. See the [crate documentation](crate).
#[derive(Debug)]
pub struct Group {
    pub(crate) settings: Settings,
    /// Workers wanted.
    pub(crate) target: usize,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) next_worker: u64,
    /// The generation in charge.
    pub(crate) current: Generation,
    pub(crate) newest: Generation,
    /// The generation that is to take charge when it is complete.
    pub(crate) reload: Option<Generation>,
    /// Start (another) reload as soon as possible.
    pub(crate) reload_wanted: bool,
    /// Some generation has been complete: the code has worked once.
    pub(crate) established: bool,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) backoff: Backoff,
    /// When the group was last told the time.
    heard: Instant,
    pub(crate) actions: Vec<Action>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    pub(crate) urgency: Urgency,
    pub(crate) code: i32,
    /// [`Action::Exit`] has been given.
    pub(crate) over: bool,
}

impl Group {
    /// A group without any process yet; the first [`Event::Tick`] starts them.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            target: settings.workers.max(1),
            settings,
            workers: BTreeMap::new(),
            next_worker: 1,
            current: Generation(1),
            newest: Generation(1),
            reload: None,
            reload_wanted: false,
            established: false,
            stopping: None,
            backoff: Backoff::default(),
            heard: now,
            actions: Vec::new(),
        }
    }

    /// Takes one event at time `now` (which never goes back) and returns what is to be done.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.forgive_own_sleep(now);
        match event {
            Event::Tick => {}
            Event::SpawnFailed(id, text) => self.spawn_failed(id, text, now),
            Event::Loading(id) => self.loading(id),
            Event::Ready(id) => self.ready(id, now),
            Event::BootFailed(id, failure) => self.boot_failed(id, failure, now),
            Event::RetireRequested(id, reason) => self.retire(id, reason),
            Event::ChannelLost(id) => self.channel_lost(id, now),
            Event::Alive(id, at) => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.alive = worker.alive.max(at);
                }
            }
            Event::Exited(id, ending) => self.exited(id, ending, now),
            Event::Command(command) => self.command(command, now),
        }
        self.expire(now);
        self.settle(now);
        std::mem::take(&mut self.actions)
    }

    /// When the group wants to hear the time again even if nothing happens; `None`: not before something does.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let deadlines = self.workers.values().filter_map(Worker::deadline);
        let look = self
            .settings
            .silence
            .filter(|_| self.workers.values().any(Worker::is_serving));
        let look = look.map(|silence| now + silence / LOOKS_PER_SILENCE);
        deadlines.chain(look).chain(self.backoff.until(now)).min()
    }

    /// Number of workers in service.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.workers
            .values()
            .filter(|worker| worker.is_serving())
            .count()
    }

    /// Whether every process is gone and [`Action::Exit`] has been given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stopping.is_some_and(|stopping| stopping.over)
    }

    /// When the supervisor itself did not run (a suspended machine, a frozen container), the workers may not have
    /// either: their silence of that time proves nothing.
    fn forgive_own_sleep(&mut self, now: Instant) {
        let slept = now.saturating_duration_since(self.heard);
        self.heard = now;
        if self
            .settings
            .silence
            .is_some_and(|silence| slept > silence / 2)
        {
            for worker in self.workers.values_mut() {
                worker.alive = now;
            }
        }
    }

    fn loading(&mut self, id: WorkerId) {
        if let Some(Phase::Starting { blame, .. }) =
            self.workers.get_mut(&id).map(|worker| &mut worker.phase)
        {
            *blame = FailureKind::Application;
        }
    }

    fn ready(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self
            .workers
            .get_mut(&id)
            .filter(|worker| worker.is_starting())
        else {
            return;
        };
        worker.phase = Phase::Serving { since: now };
        worker.alive = now;
        self.report(Report::WorkerReady(id));
    }

    /// Marks a worker for replacement, once: a worker may ask again and again.
    fn retire(&mut self, id: WorkerId, reason: RetireReason) {
        if self.mark_retiring(id) {
            self.report(Report::WorkerRetiring(id, reason));
        }
    }

    fn channel_lost(&mut self, id: WorkerId, now: Instant) {
        if self.workers.get(&id).is_some_and(Worker::is_starting) {
            let failure = BootFailure {
                kind: FailureKind::Process,
                text: "it closed its channel to the supervisor, or wrote something else to it"
                    .to_owned(),
            };
            self.boot_failed(id, failure, now);
            self.kill(id);
        } else if self.mark_retiring(id) {
            self.report(Report::WorkerUnreachable(id));
        }
    }

    /// Whether this is news. A worker on its way out needs no replacement; one that starts may ask before it can say that
    /// it is ready.
    fn mark_retiring(&mut self, id: WorkerId) -> bool {
        self.workers
            .get_mut(&id)
            .filter(|worker| worker.counts())
            .map(|worker| worker.retiring = true)
            .is_some()
    }

    fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Stop(urgency) => {
                // Asked again means: sooner.
                let urgency = if self.stopping.is_some() {
                    Urgency::Fast
                } else {
                    urgency
                };
                self.stop(urgency, 0, now);
            }
            Command::ReopenLogs => {
                let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
                self.actions.extend(ids.into_iter().map(Action::ReopenLogs));
            }
            // A group on its way down has no use for the others.
            _ if self.stopping.is_some() => {}
            Command::Reload => {
                if let Some(generation) = self.reload {
                    self.report(Report::ReloadSuperseded(generation));
                    self.abandon_reload(now);
                }
                self.reload_wanted = true;
            }
            Command::More => self.aim_at(self.target + 1),
            Command::Fewer => self.aim_at(self.target - 1),
        }
    }

    fn aim_at(&mut self, target: usize) {
        self.target = target.max(1);
        self.report(Report::TargetChanged(self.target));
    }

    /// Ends the group; the worst code wins.
    pub(crate) fn stop(&mut self, urgency: Urgency, code: i32, now: Instant) {
        let again = self
            .stopping
            .is_some_and(|before| before.urgency == Urgency::Fast);
        let code = self.stopping.map_or(code, |before| before.code.max(code));
        if self.stopping.is_none_or(|before| before.urgency != urgency) {
            self.report(Report::Stopping(urgency));
        }
        if self.stopping.is_none() {
            self.announce(Status::Stopping);
        }
        self.stopping = Some(Stopping {
            urgency,
            code,
            over: self.is_over(),
        });
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in ids {
            match (self.workers[&id].phase, urgency) {
                (Phase::Serving { .. }, Urgency::Graceful) => self.drain(id, now),
                (Phase::Serving { .. } | Phase::Draining { .. }, Urgency::Fast) => {
                    self.stop_worker(id, now)
                }
                // Nobody is served by it yet, and importing an application can take long.
                (Phase::Starting { .. }, _) => self.kill(id),
                (Phase::Ending { until: Some(_) }, Urgency::Fast) if again => self.kill(id),
                _ => {}
            }
        }
    }

    /// Acts on phases that lasted too long.
    fn expire(&mut self, now: Instant) {
        let silence = self.settings.silence;
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in ids {
            let worker = &self.workers[&id];
            let late = worker.deadline().is_some_and(|deadline| now >= deadline);
            let quiet = now.saturating_duration_since(worker.alive);
            match worker.phase {
                Phase::Starting { blame, .. } if late => {
                    let failure = BootFailure::too_late(self.settings.startup_timeout, blame);
                    self.boot_failed(id, failure, now);
                    self.kill(id);
                }
                Phase::Serving { since } if silence.is_some_and(|limit| quiet >= limit) => {
                    self.report(Report::WorkerSilent(id, quiet));
                    self.backoff
                        .failed(now, now.saturating_duration_since(since));
                    self.actions.push(Action::Abort(id));
                    self.enter(
                        id,
                        Phase::Ending {
                            until: Some(now + self.settings.quick_stop),
                        },
                    );
                }
                Phase::Draining { .. } if late => {
                    self.report(Report::DrainTimedOut(id));
                    self.kill(id);
                }
                Phase::Ending { .. } if late => self.kill(id),
                _ => {}
            }
        }
    }

    pub(crate) fn drain(&mut self, id: WorkerId, now: Instant) {
        let within = self.settings.graceful_timeout;
        // The worker itself keeps the graceful time; the supervisor is there for one that cannot.
        self.enter(
            id,
            Phase::Draining {
                until: now + within + self.settings.quick_stop,
            },
        );
        self.actions.push(Action::Drain(id, within));
    }

    fn stop_worker(&mut self, id: WorkerId, now: Instant) {
        self.enter(
            id,
            Phase::Ending {
                until: Some(now + self.settings.quick_stop),
            },
        );
        self.actions.push(Action::Stop(id));
    }

    pub(crate) fn kill(&mut self, id: WorkerId) {
        if self.workers.contains_key(&id) {
            self.enter(id, Phase::Ending { until: None });
            self.actions.push(Action::Kill(id));
        }
    }

    pub(crate) fn enter(&mut self, id: WorkerId, phase: Phase) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.phase = phase;
        }
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.actions.push(Action::Report(report));
    }

    pub(crate) fn announce(&mut self, status: Status) {
        self.actions.push(Action::Announce(status));
    }
}
