//! The service manager, if there is one: told how the group is, and that the supervisor lives.

use std::time::{Duration, Instant};

use rickhouse_os::error::OsError;
use rickhouse_os::notify::{Notifier, State};

/// What `NOTIFY_SOCKET` leads to; without one, nobody listens.
#[derive(Debug)]
pub(super) struct Manager {
    notifier: Option<Notifier>,
    watchdog: Option<Beat>,
}

/// When the watchdog is due.
#[derive(Debug)]
struct Beat {
    interval: Duration,
    /// `None` before the first.
    last: Option<Instant>,
}

impl Manager {
    /// Connects to the manager named by the environment.
    ///
    /// # Errors
    /// The variable names no usable address.
    pub(super) fn from_environment() -> Result<Self, OsError> {
        let notifier = Notifier::from_environment()?;
        let interval = notifier.as_ref().and_then(Notifier::watchdog_interval);
        Ok(Self {
            notifier,
            watchdog: interval.map(|interval| Beat {
                interval,
                last: None,
            }),
        })
    }

    pub(super) fn tell(&self, state: &State) {
        if let Some(notifier) = &self.notifier {
            notifier.tell(state);
        }
    }

    /// Says that the supervisor lives, if that is due.
    pub(super) fn beat(&mut self, now: Instant) {
        if self
            .watchdog
            .as_mut()
            .is_some_and(|watchdog| watchdog.take(now))
        {
            self.tell(&State::Watchdog);
        }
    }

    /// When it is due again.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        self.watchdog.as_ref().and_then(Beat::next)
    }
}

impl Beat {
    fn next(&self) -> Option<Instant> {
        self.last.map(|last| last + self.interval)
    }

    fn take(&mut self, now: Instant) -> bool {
        let due = self.next().is_none_or(|due| now >= due);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_told_once_an_interval() {
        let (interval, start) = (Duration::from_secs(10), Instant::now());
        let mut beat = Beat {
            interval,
            last: None,
        };
        let told =
            [0, 1, 9, 10, 11, 25].map(|second| beat.take(start + Duration::from_secs(second)));
        assert_eq!(told, [true, false, false, true, false, true]);
        assert_eq!(beat.next(), Some(start + Duration::from_secs(35)));
    }
}
