//! The places of a group's processes, for a parent that acts when it is told of an end, and looks around now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// Who is in which place, and which ones could not be filled.
#[derive(Debug, Default)]
pub struct Places {
    /// From when on a process does more than wait.
    filled: BTreeMap<u32, Instant>,
    empty: BTreeSet<u32>,
    failures: Backoff,
}

impl Places {
    /// A process was started in this place that is one from this time on.
    pub fn fill(&mut self, place: u32, from: Instant) {
        self.filled.insert(place, from);
    }

    /// No process could be started in this place: it is tried again after the group's wait, see [`Places::take_due`].
    pub fn could_not_fill(&mut self, place: u32, now: Instant) {
        self.failures.failed(now, Duration::ZERO);
        self.empty.insert(place);
    }

    /// A process has ended, or is no longer watched.
    pub fn vacate(&mut self, place: u32) {
        self.filled.remove(&place);
    }

    /// As [`Backoff::failed`].
    pub fn process_failed(&mut self, now: Instant, uptime: Duration) -> Duration {
        self.failures.failed(now, uptime)
    }

    /// Whether there is a process that does not merely wait for its time.
    pub fn any_serves(&self, now: Instant) -> bool {
        self.filled.values().any(|from| *from <= now)
    }

    /// The places to be tried again now: once each.
    pub fn take_due(&mut self, now: Instant) -> Vec<u32> {
        if self.failures.until(now).is_some() {
            return Vec::new();
        }
        std::mem::take(&mut self.empty).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_its_time_does_not_serve() {
        let (mut places, now) = (Places::default(), Instant::now());
        assert!(!places.any_serves(now));
        let later = now + Duration::from_secs(1);
        places.fill(1, later);
        assert!(!places.any_serves(now) && places.any_serves(later));
        places.vacate(1);
        assert!(!places.any_serves(later));
    }

    #[test]
    fn places_that_could_not_be_filled_are_tried_again_after_a_wait() {
        let (mut places, mut now) = (Places::default(), Instant::now());
        assert!(places.take_due(now).is_empty());
        places.could_not_fill(2, now);
        places.could_not_fill(1, now);
        assert!(places.take_due(now).is_empty(), "not at once");
        now += Duration::from_millis(100);
        assert_eq!(places.take_due(now), [1, 2], "one round: one wait");
        assert!(places.take_due(now).is_empty(), "once");

        places.could_not_fill(2, now);
        now += Duration::from_millis(100);
        assert!(places.take_due(now).is_empty(), "waits grow");
        now += Duration::from_millis(100);
        assert_eq!(places.take_due(now), [2]);
    }
}
