//! A group with a fake clock and fake processes, for the tests beside it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rickhouse_supervisor::{
    Action, BootFailure, Command, Ending, Event, FailureKind, Generation, Group, Report, Settings,
    Status, WorkerId,
};

pub(crate) fn settings(workers: usize) -> Settings {
    Settings {
        workers,
        startup_timeout: Duration::from_secs(60),
        graceful_timeout: Duration::from_secs(30),
        silence: Some(Duration::from_secs(30)),
        quick_stop: Duration::from_secs(2),
    }
}

pub(crate) fn application_failure() -> BootFailure {
    BootFailure {
        kind: FailureKind::Application,
        text: "ImportError".to_owned(),
    }
}

/// What the owner of the processes would have at hand.
pub(crate) struct World {
    pub(crate) group: Group,
    pub(crate) now: Instant,
    pub(crate) alive: BTreeMap<WorkerId, Generation>,
    pub(crate) reports: Vec<Report>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) drained: Vec<WorkerId>,
    pub(crate) stopped: Vec<WorkerId>,
    pub(crate) aborted: Vec<WorkerId>,
    pub(crate) killed: Vec<WorkerId>,
    pub(crate) reopened: Vec<WorkerId>,
    pub(crate) exit: Option<i32>,
    pub(crate) spawned: usize,
}

impl World {
    /// A group whose first workers are being started.
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let mut world = Self {
            group: Group::new(settings, now),
            now,
            alive: BTreeMap::new(),
            reports: Vec::new(),
            statuses: Vec::new(),
            drained: Vec::new(),
            stopped: Vec::new(),
            aborted: Vec::new(),
            killed: Vec::new(),
            reopened: Vec::new(),
            exit: None,
            spawned: 0,
        };
        world.tell(Event::Tick);
        world
    }

    /// A group in full service.
    pub(crate) fn serving(workers: usize) -> Self {
        let mut world = Self::new(settings(workers));
        world.all_ready();
        assert_eq!(world.statuses, [Status::Ready]);
        world
    }

    pub(crate) fn tell(&mut self, event: Event) {
        for action in self.group.handle(event, self.now) {
            assert_eq!(self.exit, None, "{action:?} after the end");
            self.carry_out(action);
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.tell(Event::Command(command));
    }

    /// Lets time pass in steps a supervisor would take; the workers show their pulse.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + Duration::from_secs(1)).min(end);
            for id in self.workers() {
                self.tell(Event::Alive(id, self.now));
            }
            self.tell(Event::Tick);
        }
    }

    /// Everybody who was started and is not asked to go becomes ready.
    pub(crate) fn all_ready(&mut self) {
        for id in self.workers() {
            self.tell(Event::Ready(id));
        }
    }

    /// Everybody who was asked to end does.
    pub(crate) fn all_leave(&mut self) {
        for id in self.workers() {
            let asked = [&self.drained, &self.stopped]
                .iter()
                .any(|list| list.contains(&id));
            let forced = [&self.killed, &self.aborted]
                .iter()
                .any(|list| list.contains(&id));
            if forced {
                self.exits(id, Ending::Signal(9));
            } else if asked {
                self.exits(id, Ending::Code(0));
            }
        }
    }

    pub(crate) fn exits(&mut self, id: WorkerId, ending: Ending) {
        self.alive.remove(&id);
        self.tell(Event::Exited(id, ending));
    }

    pub(crate) fn workers(&self) -> Vec<WorkerId> {
        self.alive.keys().copied().collect()
    }

    pub(crate) fn of(&self, generation: u64) -> Vec<WorkerId> {
        self.alive
            .iter()
            .filter(|(_, of)| of.0 == generation)
            .map(|(id, _)| *id)
            .collect()
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn(id, generation) => {
                assert_eq!(
                    self.alive.insert(id, generation),
                    None,
                    "{id} is started once"
                );
                self.spawned += 1;
            }
            Action::Drain(id, _) => self.drained.push(self.existing(id)),
            Action::Stop(id) => self.stopped.push(self.existing(id)),
            Action::Abort(id) => self.aborted.push(self.existing(id)),
            Action::Kill(id) => self.killed.push(self.existing(id)),
            Action::ReopenLogs(id) => self.reopened.push(self.existing(id)),
            Action::Announce(status) => self.statuses.push(status),
            Action::Report(report) => self.reports.push(report),
            Action::Exit(code) => {
                assert!(self.alive.is_empty(), "nobody is left behind");
                self.exit = Some(code);
            }
        }
    }

    fn existing(&self, id: WorkerId) -> WorkerId {
        assert!(
            self.alive.contains_key(&id),
            "{id} is spoken to but does not exist"
        );
        id
    }
}
