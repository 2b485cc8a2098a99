//! What an operator can choose about a group.

use std::time::Duration;

/// How a group of workers is run. All durations count from the moment the supervisor learns of their cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Workers to keep in service, at least 1; signals change it later.
    pub workers: usize,
    /// A worker that is not ready by then has failed to start.
    pub startup_timeout: Duration,
    /// How long a draining worker may finish its requests.
    pub graceful_timeout: Duration,
    /// A worker in service whose pulse stands still this long is replaced; `None` never.
    pub silence: Option<Duration>,
    /// How long a worker gets for its exit handlers when it was told to stop now, and how long an aborted one gets to die.
    pub quick_stop: Duration,
}

impl Settings {
    /// How many processes beyond `workers` may exist at a time: a whole new generation beside the old one; two at
    /// least, so that a single worker can be replaced while its predecessor still drains.
    #[must_use]
    pub fn surge(workers: usize) -> usize {
        workers.max(2)
    }
}
