//! A lane: the threads of one GIL, of which as a rule only one waits for requests and runs them.
//!
//! Waking a second thread for a request that the first would finish in 100 µs costs more than it gives when both need the
//! same GIL. So one thread, the leader, waits for requests and runs them; one stands by and watches; the others are
//! parked. When the leader stays inside one request, the lane opens: all its threads wait for requests, until requests
//! are short again. The decisions are in the module `machine`; here is only the sleeping and waking.
//!
//! Rules of sharing. `activity` is written by the leader only: odd while it runs a request. The watcher sets
//! `standby_asleep` before it looks at `activity` a last time; the leader writes `activity` before it looks at
//! `standby_asleep` (both sequentially consistent): one of them sees the other.

#![forbid(unsafe_code)]

mod machine;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use machine::{Machine, Place, Tick};

/// The threads that share one GIL (on a free-threaded build, make one lane per thread). Cloning gives another handle.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    machine: Mutex<Machine>,
    /// Counts how often the lane opened or closed; a place is good for one epoch. Written under the lock of `machine`.
    epoch: AtomicU64,
    activity: AtomicU64,
    standby_asleep: AtomicBool,
    closed: AtomicBool,
    standby: Condvar,
    parked: Condvar,
}

/// One thread's membership of a lane.
#[derive(Debug)]
pub struct Member<'a> {
    lane: &'a Shared,
    place: Option<Place>,
    epoch: u64,
    began: Option<Instant>,
}

impl Lane {
    /// Joins the calling thread.
    #[must_use]
    pub fn join(&self) -> Member<'_> {
        Member {
            lane: &self.shared,
            place: None,
            epoch: 0,
            began: None,
        }
    }

    /// Lets every thread go, for good.
    pub fn close(&self) {
        self.shared.closed.store(true, SeqCst);
        let _machine = self.shared.lock();
        self.shared.standby.notify_all();
        self.shared.parked.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_up(&self) {
        self.epoch.fetch_add(1, SeqCst);
        self.parked.notify_all();
    }

    /// Watches the leader until the lane opens, closes, or has no leader.
    fn stand_by<'a>(&'a self, mut machine: MutexGuard<'a, Machine>) {
        machine.begin_watch(self.activity.load(SeqCst));
        let mut pause = machine::FIRST_TICK;
        while machine.has_leader() && !self.closed.load(SeqCst) {
            machine = self
                .standby
                .wait_timeout(machine, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            match machine.tick(self.activity.load(SeqCst)) {
                Tick::Opened => return self.open_up(),
                Tick::Again(next) => pause = next,
                Tick::Sleep => {
                    machine = self.sleep(machine);
                    machine.begin_watch(self.activity.load(SeqCst));
                    pause = machine::FIRST_TICK;
                }
            }
        }
    }

    /// Sleeps until the leader begins a request.
    fn sleep<'a>(&'a self, mut machine: MutexGuard<'a, Machine>) -> MutexGuard<'a, Machine> {
        self.standby_asleep.store(true, SeqCst);
        let woken = |machine: &Machine| !self.standby_asleep.load(SeqCst) || !machine.has_leader();
        while !woken(&machine)
            && self.activity.load(SeqCst).is_multiple_of(2)
            && !self.closed.load(SeqCst)
        {
            machine = self
                .standby
                .wait(machine)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.standby_asleep.store(false, SeqCst);
        machine
    }
}

impl Member<'_> {
    /// Returns when this thread may wait for requests. `false` when the lane is closed.
    pub fn wait_for_turn(&mut self) -> bool {
        if self.lane.closed.load(SeqCst) {
            return false;
        }
        if self.place.is_some() && self.epoch == self.lane.epoch.load(SeqCst) {
            return true;
        }
        let mut machine = self.lane.lock();
        self.place = None;
        while !self.lane.closed.load(SeqCst) {
            let place = machine.arrive();
            match place {
                Place::Lead | Place::Open => {
                    (self.place, self.epoch) = (Some(place), self.lane.epoch.load(SeqCst));
                    return true;
                }
                Place::StandBy => {
                    self.lane.stand_by(machine);
                    machine = self.lane.lock();
                }
                Place::Park => {
                    machine = self
                        .lane
                        .parked
                        .wait(machine)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        false
    }

    /// A request begins on this thread.
    pub fn begin(&mut self) {
        if self.leads() {
            let begun = self.lane.activity.load(SeqCst) | 1;
            self.lane.activity.store(begun, SeqCst);
            if self.lane.standby_asleep.load(SeqCst) {
                let _machine = self.lane.lock();
                self.lane.standby_asleep.store(false, SeqCst);
                self.lane.standby.notify_one();
            }
        }
        self.began = (self.place == Some(Place::Open)).then(Instant::now);
    }

    /// The request is over.
    pub fn end(&mut self) {
        if self.leads() {
            let ended = (self.lane.activity.load(SeqCst) | 1) + 1;
            self.lane.activity.store(ended, SeqCst);
        }
        let Some(took) = self.began.take().map(|began| began.elapsed()) else {
            return;
        };
        let mut machine = self.lane.lock();
        if machine.finished(took) {
            let epoch = self.lane.epoch.fetch_add(1, SeqCst) + 1;
            (self.place, self.epoch) = (Some(Place::Lead), epoch);
            // The last leader may have been stuck when its time ended: the count goes on from an even number.
            let rested = self.lane.activity.load(SeqCst).next_multiple_of(2);
            self.lane.activity.store(rested, SeqCst);
        }
    }

    /// A leader whose lane opened meanwhile leads no more.
    fn leads(&self) -> bool {
        self.place == Some(Place::Lead) && self.epoch == self.lane.epoch.load(SeqCst)
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let mut machine = self.lane.lock();
        if self.leads() {
            // Makes room for another leader: this one's handler failed, or the server stops.
            machine.leader_left();
            self.lane.standby.notify_all();
            self.lane.parked.notify_all();
        }
    }
}

/// How long a request may take and still count as short.
const SHORT: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_stuck_leader_opens_the_lane_and_closing_ends_all() {
        let lane = Lane::default();
        let (sender, turns) = mpsc::channel();
        thread::scope(|scope| {
            for thread in 0..4 {
                let (sender, lane) = (sender.clone(), lane.clone());
                scope.spawn(move || {
                    let mut member = lane.join();
                    member.wait_for_turn();
                    member.begin();
                    sender.send(thread).unwrap();
                    // The leader never ends its request; the others get their turn all the same.
                    while !lane.shared.closed.load(SeqCst) {
                        thread::park_timeout(Duration::from_millis(1));
                    }
                });
            }
            let mut seen: Vec<i32> = turns.iter().take(4).collect();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3]);
            lane.close();
        });
    }

    #[test]
    fn a_leader_that_leaves_is_followed() {
        let lane = Lane::default();
        let mut first = lane.join();
        first.wait_for_turn();
        thread::scope(|scope| {
            let follower = scope.spawn(|| lane.join().wait_for_turn());
            drop(first);
            follower.join().unwrap();
        });
    }
}
