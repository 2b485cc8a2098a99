//! What the state of the group asks for, whatever event led to it: start, replace, trim, finish.

use std::time::Instant;

use crate::event::{Action, FailureKind, Generation, Report, Status, WorkerId};
use crate::group::Group;
use crate::settings::Settings;
use crate::worker::{Phase, Worker};

impl Group {
    /// Brings the workers closer to what is wanted. Runs after every event; without news it does nothing.
    pub(crate) fn settle(&mut self, now: Instant) {
        if self.stopping.is_some() {
            self.finish();
            return;
        }
        self.note_established();
        self.begin_reload();
        match self.reload {
            Some(generation) => {
                self.fill(generation, now);
                if self.serving_of(generation) >= self.target {
                    self.promote(generation, now);
                }
            }
            None if self.backoff.until(now).is_none() => self.fill(self.current, now),
            None => {}
        }
        self.trim(now);
    }

    /// Gives the unfinished generation up: who serves already finishes its requests, the others are of no use.
    pub(crate) fn abandon_reload(&mut self, now: Instant) {
        let Some(generation) = self.reload.take() else {
            return;
        };
        for id in self.ids(|worker| worker.generation == generation && worker.is_serving()) {
            self.drain(id, now);
        }
        for id in self.ids(|worker| worker.generation == generation && worker.is_starting()) {
            self.kill(id);
        }
    }

    fn finish(&mut self) {
        if let Some(stopping) = self.stopping.as_mut().filter(|stopping| !stopping.over)
            && self.workers.is_empty()
        {
            stopping.over = true;
            let code = stopping.code;
            self.actions.push(Action::Exit(code));
        }
    }

    /// Starts the wanted reload, once there is something to reload and what is left of a failed attempt is gone.
    fn begin_reload(&mut self) {
        let leftovers = self
            .workers
            .values()
            .any(|worker| worker.generation > self.current);
        if !self.reload_wanted || !self.established || self.reload.is_some() || leftovers {
            return;
        }
        self.reload_wanted = false;
        self.newest = Generation(self.newest.0 + 1);
        self.reload = Some(self.newest);
        self.announce(Status::Reloading);
        self.report(Report::ReloadBegun(self.newest));
        // Replacements on their way would be replaced at once; their places are needed.
        for id in self.ids(Worker::is_starting) {
            self.kill(id);
        }
    }

    /// Starts what `generation` lacks, as far as there is room for more processes.
    fn fill(&mut self, generation: Generation, now: Instant) {
        let members = self
            .workers
            .values()
            .filter(|worker| worker.generation == generation && worker.counts())
            .count();
        let room = (self.target + Settings::surge(self.target)).saturating_sub(self.workers.len());
        for _ in 0..self.target.saturating_sub(members).min(room) {
            let id = WorkerId(self.next_worker);
            self.next_worker += 1;
            let phase = Phase::Starting {
                until: now + self.settings.startup_timeout,
                blame: FailureKind::Process,
            };
            self.workers.insert(
                id,
                Worker {
                    generation,
                    phase,
                    alive: now,
                    retiring: false,
                },
            );
            self.actions.push(Action::Spawn(id, generation));
        }
    }

    fn promote(&mut self, generation: Generation, now: Instant) {
        self.reload = None;
        self.current = generation;
        self.report(Report::Reloaded(generation));
        self.announce(Status::Ready);
        for id in self.ids(|worker| worker.generation != generation && worker.is_serving()) {
            self.drain(id, now);
        }
    }

    fn note_established(&mut self) {
        if !self.established && self.serving_of(self.current) >= self.target {
            self.established = true;
            self.report(Report::Started(self.target));
            self.announce(Status::Ready);
        }
    }

    /// Drains who is not needed any more: first the ones that asked to go, then the oldest.
    fn trim(&mut self, now: Instant) {
        let surplus = self.serving_of(self.current).saturating_sub(self.target);
        let mut serving =
            self.ids(|worker| worker.generation == self.current && worker.is_serving());
        serving.sort_by_key(|id| (!self.workers[id].retiring, *id));
        for id in serving.into_iter().take(surplus) {
            self.drain(id, now);
        }
    }

    fn serving_of(&self, generation: Generation) -> usize {
        self.workers
            .values()
            .filter(|worker| worker.generation == generation && worker.is_serving())
            .count()
    }

    fn ids(&self, wanted: impl Fn(&Worker) -> bool) -> Vec<WorkerId> {
        self.workers
            .iter()
            .filter(|(_, worker)| wanted(worker))
            .map(|(id, _)| *id)
            .collect()
    }
}
