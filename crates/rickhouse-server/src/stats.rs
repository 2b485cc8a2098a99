//! Counters: plain sums that an operator or a test can add up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of the server's counters. At rest, `accepted = closed + open` and `begun = finished + aborted + running`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed.
    pub closed: u64,
    /// Connections open now.
    pub open: u64,
    /// Requests handed to a handler.
    pub begun: u64,
    /// Requests whose response was complete.
    pub finished: u64,
    /// Requests whose response was cut short (client gone, application failed after the head, length not kept).
    pub aborted: u64,
    /// Requests inside a handler now: the number of busy threads.
    pub running: u64,
    /// Complete requests that wait for a thread now.
    pub queued: u64,
    /// Requests answered 503 because the queue was full or the wait too long.
    pub shed: u64,
    /// Requests that the server refused by itself (4xx and 5xx for what the client sent).
    pub refused: u64,
    /// Health and readiness checks answered.
    pub health_checks: u64,
}

/// The counters behind [`Stats`]. Relaxed: each is exact, and sums agree once the server is at rest.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) closed: Counter,
    pub(crate) begun: Counter,
    pub(crate) finished: Counter,
    pub(crate) aborted: Counter,
    pub(crate) shed: Counter,
    pub(crate) refused: Counter,
    pub(crate) health_checks: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self, queued: usize) -> Stats {
        // Ends are read before beginnings, so that a difference is never negative.
        let (closed, finished, aborted) = (
            self.closed.value(),
            self.finished.value(),
            self.aborted.value(),
        );
        let (accepted, begun) = (self.accepted.value(), self.begun.value());
        Stats {
            accepted,
            closed,
            open: accepted.saturating_sub(closed),
            begun,
            finished,
            aborted,
            running: begun.saturating_sub(finished + aborted),
            queued: queued as u64,
            shed: self.shed.value(),
            refused: self.refused.value(),
            health_checks: self.health_checks.value(),
        }
    }
}
