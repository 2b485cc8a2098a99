//! The decisions of a lane, without threads or clocks.

use std::time::Duration;

use super::SHORT;

/// The first look at a leader that began to be busy.
pub(super) const FIRST_TICK: Duration = Duration::from_micros(500);
/// The pause grows to this while the leader makes progress.
const LONGEST_TICK: Duration = Duration::from_millis(2);
/// So many short requests in a row close an open lane.
const SHORT_RUN: u32 = 64;

/// What a thread that wants a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Wait for requests and run them, alone.
    Lead,
    /// Wait for requests and run them, with all others.
    Open,
    /// Watch the leader.
    StandBy,
    /// Sleep.
    Park,
}

/// What the watcher does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// Look again after this time.
    Again(Duration),
    /// The leader is idle: sleep until it is not.
    Sleep,
    /// The leader is stuck in a request: the lane is open now.
    Opened,
}

#[derive(Debug, Default)]
pub(super) struct Machine {
    open: bool,
    has_leader: bool,
    has_standby: bool,
    seen: u64,
    pause: Duration,
    short_run: u32,
}

impl Machine {
    /// A thread without a place wants one.
    pub(super) fn arrive(&mut self) -> Place {
        if self.open {
            return Place::Open;
        }
        if !self.has_leader {
            self.has_leader = true;
            return Place::Lead;
        }
        if !self.has_standby {
            self.has_standby = true;
            return Place::StandBy;
        }
        Place::Park
    }

    /// Whether there is a leader to watch.
    pub(super) fn has_leader(&self) -> bool {
        self.has_leader
    }

    /// The watcher begins to watch; `activity` counts up at each beginning (to odd) and end (to even) of a request.
    pub(super) fn begin_watch(&mut self, activity: u64) {
        self.seen = activity;
        self.pause = FIRST_TICK;
    }

    /// The watcher looks.
    pub(super) fn tick(&mut self, activity: u64) -> Tick {
        let moved = std::mem::replace(&mut self.seen, activity) != activity;
        match (moved, activity % 2 == 1) {
            (true, _) => {
                self.pause = (self.pause * 2).min(LONGEST_TICK);
                Tick::Again(self.pause)
            }
            (false, true) => {
                (self.open, self.has_leader, self.has_standby, self.short_run) =
                    (true, false, false, 0);
                Tick::Opened
            }
            (false, false) => Tick::Sleep,
        }
    }

    /// A request of an open lane is over. `true`: the lane has a leader again, the calling thread.
    pub(super) fn finished(&mut self, took: Duration) -> bool {
        if !self.open {
            return false;
        }
        self.short_run = if took < SHORT { self.short_run + 1 } else { 0 };
        if self.short_run < SHORT_RUN {
            return false;
        }
        (self.open, self.has_leader, self.short_run) = (false, true, 0);
        true
    }

    /// The leader's thread ends.
    pub(super) fn leader_left(&mut self) {
        (self.has_leader, self.has_standby) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_leader_and_watcher() -> Machine {
        let mut machine = Machine::default();
        assert_eq!(
            [machine.arrive(), machine.arrive(), machine.arrive()],
            [Place::Lead, Place::StandBy, Place::Park]
        );
        machine.begin_watch(0);
        machine
    }

    #[test]
    fn progress_is_watched_less_and_less_often() {
        let mut machine = with_leader_and_watcher();
        assert_eq!(machine.tick(1), Tick::Again(Duration::from_millis(1)));
        assert_eq!(machine.tick(40), Tick::Again(Duration::from_millis(2)));
        assert_eq!(machine.tick(81), Tick::Again(Duration::from_millis(2)));
        assert_eq!(machine.tick(90), Tick::Again(Duration::from_millis(2)));
        assert_eq!(machine.tick(90), Tick::Sleep);
    }

    #[test]
    fn one_long_request_opens_and_a_run_of_short_ones_closes() {
        let mut machine = with_leader_and_watcher();
        machine.tick(1);
        assert_eq!(machine.tick(1), Tick::Opened);
        assert_eq!(
            [machine.arrive(), machine.arrive()],
            [Place::Open, Place::Open]
        );
        let (short, long) = (Duration::from_micros(50), Duration::from_millis(10));
        for _ in 0..63 {
            assert!(!machine.finished(short));
        }
        assert!(
            !machine.finished(long),
            "one long request begins the run anew"
        );
        for _ in 0..63 {
            assert!(!machine.finished(short));
        }
        assert!(machine.finished(short));
        assert!(
            !machine.finished(short),
            "only one thread becomes the leader"
        );
        assert_eq!(
            [machine.arrive(), machine.arrive()],
            [Place::StandBy, Place::Park]
        );
    }

    #[test]
    fn a_leader_that_leaves_is_replaced() {
        let mut machine = with_leader_and_watcher();
        machine.leader_left();
        assert_eq!(machine.arrive(), Place::Lead);
    }
}
