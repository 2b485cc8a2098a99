//! How long a thread may be kept waiting by one client.

use std::time::{Duration, Instant};

/// Bytes per second that a client must send or take on average, beyond the grace: far below what any working line does.
const LEAST_RATE: u64 = 1024;

/// The waits of one transfer in one direction.
///
/// A wait that brings nothing ends at the timeout. So that a client cannot keep a thread with a byte now and then, the sum
/// of all waits is bounded as well: by the timeout, plus one second for each KiB that moved since the first of them. Only
/// waiting counts, never what the application does meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    waited: Duration,
    moved: u64,
    /// Bytes buy no time: the transfer is so small that the timeout must do for all of it.
    fixed: bool,
}

impl Pace {
    /// For a transfer that gets one timeout in all.
    pub(crate) fn fixed() -> Pace {
        Pace {
            fixed: true,
            ..Pace::default()
        }
    }

    /// Notes that bytes moved. Those before the first wait do not count: they may have gone no further than the kernel.
    pub(crate) fn moved(&mut self, count: usize) {
        if !self.waited.is_zero() {
            self.moved = self.moved.saturating_add(count as u64);
        }
    }

    /// How long the next wait may last; zero when the client has used up its time.
    pub(crate) fn allows(&self, timeout: Duration) -> Duration {
        let bought = if self.fixed {
            Duration::ZERO
        } else {
            Duration::from_millis(self.moved.saturating_mul(1000) / LEAST_RATE)
        };
        let all = timeout.saturating_add(bought);
        all.saturating_sub(self.waited).min(timeout)
    }

    /// Waits with `wait`, which is told for how long and says whether something came; `false` when the time is used up.
    pub(crate) fn wait(
        &mut self,
        timeout: Duration,
        wait: impl FnOnce(Duration) -> std::io::Result<bool>,
    ) -> std::io::Result<bool> {
        let allowed = self.allows(timeout);
        if allowed.is_zero() {
            return Ok(false);
        }
        let began = Instant::now();
        let came = wait(allowed);
        // Never zero, however short: from the first wait on bytes count.
        self.waited += began.elapsed().max(Duration::from_nanos(1));
        came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn after(mut pace: Pace, waited: u64, moved: usize) -> u64 {
        pace.waited = Duration::from_secs(waited);
        pace.moved(moved);
        pace.allows(TIMEOUT).as_secs()
    }

    #[test]
    fn bytes_buy_time_and_drops_do_not() {
        assert_eq!(after(Pace::default(), 0, 0), 10);
        assert_eq!(after(Pace::default(), 9, 0), 1);
        assert_eq!(after(Pace::default(), 12, 3), 0);
        assert_eq!(after(Pace::default(), 12, 4 * 1024), 2);
        // However much moved, a wait that brings nothing ends at the timeout.
        assert_eq!(after(Pace::default(), 12, 1 << 30), 10);
        assert_eq!(after(Pace::fixed(), 9, 1 << 30), 1);
    }

    #[test]
    fn what_went_before_the_first_wait_does_not_count() {
        let mut pace = Pace::default();
        pace.moved(1 << 30);
        assert!(
            pace.wait(TIMEOUT, |allowed| Ok(allowed == TIMEOUT))
                .unwrap()
        );
        pace.waited = TIMEOUT;
        assert!(!pace.wait(TIMEOUT, |_| panic!("no time is left")).unwrap());
    }
}
