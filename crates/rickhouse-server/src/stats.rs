//! Counters: plain sums that an operator or a test can add up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

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
///
/// Threads count in shards of their own, so that two of them never wait for one cache line.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    shards: [Padded<Shard>; SHARDS],
}

/// What one thread (beyond [`SHARDS`], one of several) has counted.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) accepted: Counter,
    pub(crate) closed: Counter,
    pub(crate) begun: Counter,
    pub(crate) finished: Counter,
    pub(crate) aborted: Counter,
    pub(crate) shed: Counter,
    pub(crate) refused: Counter,
    pub(crate) health_checks: Counter,
    /// Waits on the readiness set that ended.
    pub(crate) polls: Counter,
}

const SHARDS: usize = 16;

/// Has its cache lines (which processors fetch in pairs) to itself.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Counters {
    /// The calling thread's shard.
    pub(crate) fn mine(&self) -> &Shard {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static SHARD: usize = THREADS.fetch_add(1, Relaxed) % SHARDS;
        }
        &self.shards[SHARD.with(|shard| *shard)].0
    }

    /// A number that moves as long as threads come back to wait.
    pub(crate) fn polls(&self) -> u64 {
        self.sum(|shard| &shard.polls)
    }

    pub(crate) fn snapshot(&self, queued: usize) -> Stats {
        // Ends are read before beginnings, so that a difference is never negative.
        let closed = self.sum(|shard| &shard.closed);
        let finished = self.sum(|shard| &shard.finished);
        let aborted = self.sum(|shard| &shard.aborted);
        let accepted = self.sum(|shard| &shard.accepted);
        let begun = self.sum(|shard| &shard.begun);
        Stats {
            accepted,
            closed,
            open: accepted.saturating_sub(closed),
            begun,
            finished,
            aborted,
            running: begun.saturating_sub(finished + aborted),
            queued: queued as u64,
            shed: self.sum(|shard| &shard.shed),
            refused: self.sum(|shard| &shard.refused),
            health_checks: self.sum(|shard| &shard.health_checks),
        }
    }

    fn sum(&self, counter: impl Fn(&Shard) -> &Counter) -> u64 {
        let values = self
            .shards
            .iter()
            .map(|shard| counter(&shard.0).0.load(Relaxed));
        values.sum()
    }
}
