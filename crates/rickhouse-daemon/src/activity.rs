//! Signs of life of requests: for the inactivity timer and the startup timer (DD §4.5.6, §4.5.7).

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rickhouse_os::clock::monotonic_millis;
use tracing::info;

use crate::PROCESS;

/// No request yet; and for the startup timer: not armed.
const NEVER: u64 = 0;
/// The startup timer is over, for good.
const CANCELLED: u64 = u64::MAX;

/// Written by workers, read by the main thread. Times are milliseconds of the monotonic clock plus one.
#[derive(Debug)]
pub(crate) struct Activity {
    last: AtomicU64,
    starting: AtomicU64,
    group: String,
}

impl Activity {
    /// `startup` tells whether there is a startup timer.
    pub(crate) fn new(group: &str, startup: bool) -> Self {
        Activity {
            last: AtomicU64::new(NEVER),
            starting: AtomicU64::new(if startup { NEVER } else { CANCELLED }),
            group: group.to_owned(),
        }
    }

    /// Something of a request happens.
    pub(crate) fn touch(&self) {
        self.last.store(now(), SeqCst);
    }

    /// A request begins: the first one starts the startup timer.
    pub(crate) fn request_began(&self) {
        let first = self.starting.load(SeqCst) == NEVER;
        if first
            && self
                .starting
                .compare_exchange(NEVER, now(), SeqCst, SeqCst)
                .is_ok()
        {
            let group = &self.group;
            info!(target: PROCESS, "Application startup timer started for daemon process '{group}'.");
        }
    }

    /// A request has its script loaded.
    pub(crate) fn script_obtained(&self) {
        if self.starting.load(SeqCst) == CANCELLED {
            return;
        }
        if self.starting.swap(CANCELLED, SeqCst) != CANCELLED {
            let group = &self.group;
            info!(target: PROCESS, "Application startup timer cancelled for daemon process '{group}'.");
        }
    }

    /// Since when nothing has happened; `None` before the first request.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        elapsed(self.last.load(SeqCst))
    }

    /// Since when the startup timer runs, if it does.
    pub(crate) fn starting_for(&self) -> Option<Duration> {
        let since = self.starting.load(SeqCst);
        (since != CANCELLED).then(|| elapsed(since)).flatten()
    }
}

fn now() -> u64 {
    monotonic_millis().saturating_add(1)
}

fn elapsed(since: u64) -> Option<Duration> {
    (since != NEVER).then(|| Duration::from_millis(now().saturating_sub(since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_startup_timer_runs_from_the_first_request_to_the_first_script() {
        let activity = Activity::new("g", true);
        assert_eq!(
            activity.starting_for(),
            None,
            "row 74: not with the process"
        );
        activity.request_began();
        assert!(activity.starting_for().is_some());
        activity.script_obtained();
        activity.request_began();
        assert_eq!(activity.starting_for(), None, "for good");
    }

    #[test]
    fn without_a_timer_nothing_is_started() {
        let activity = Activity::new("g", false);
        activity.request_began();
        assert_eq!(activity.starting_for(), None);
    }

    #[test]
    fn there_is_no_idleness_before_the_first_sign_of_life() {
        let activity = Activity::new("g", true);
        assert_eq!(activity.idle_for(), None, "row 73");
        activity.touch();
        assert!(activity.idle_for().is_some());
    }
}
