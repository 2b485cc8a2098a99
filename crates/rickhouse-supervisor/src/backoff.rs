//! How long to wait before starting a process again.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A worker that served this long has shown that starting works.
const STABLE: Duration = Duration::from_secs(10);

/// Doubles the wait with every round of failures. A round is one wait: workers that fall together count once.
#[derive(Debug, Default)]
pub struct Backoff {
    rounds: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Notes the failure of a worker that had served for `uptime`; returns how long nothing will be started.
    pub fn failed(&mut self, now: Instant, uptime: Duration) -> Duration {
        if let Some(until) = self.until.filter(|until| now < *until) {
            return until - now;
        }
        let long_ago = self.until.is_some_and(|until| now - until >= LONGEST);
        self.rounds = if uptime >= STABLE || long_ago {
            1
        } else {
            self.rounds.saturating_add(1)
        };
        let wait = FIRST
            .saturating_mul(1 << (self.rounds - 1).min(16))
            .min(LONGEST);
        self.until = Some(now + wait);
        wait
    }

    /// When the next process may be started, if not at once.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_restart_after_stable_service() {
        let (mut backoff, mut now, mut waits) = (Backoff::default(), Instant::now(), Vec::new());
        for _ in 0..11 {
            let wait = backoff.failed(now, Duration::ZERO);
            now += wait;
            waits.push(wait.as_millis());
        }
        assert_eq!(
            waits,
            [
                100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000
            ]
        );
        assert_eq!(backoff.failed(now, STABLE), FIRST);
    }

    #[test]
    fn failures_that_are_far_apart_are_not_counted_together() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.failed(now, Duration::ZERO), FIRST);
        let later = now + FIRST + LONGEST;
        assert_eq!(backoff.failed(later, Duration::ZERO), FIRST);
        assert_eq!(backoff.failed(later + FIRST, Duration::ZERO), FIRST * 2);
    }

    #[test]
    fn failures_during_a_wait_are_the_same_round() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.failed(now, Duration::ZERO), FIRST);
        assert_eq!(backoff.failed(now + FIRST / 2, Duration::ZERO), FIRST / 2);
        assert_eq!(backoff.until(now), Some(now + FIRST));
        assert_eq!(backoff.until(now + FIRST), None);
    }
}
