//! Two queues in one lock: requests that are complete and wait for a thread, and connections with unread news.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rickhouse_os::clock;

use crate::slab::Token;

/// Work that any thread may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// An event that was reported to a thread with enough to do.
    Event(Token, u64),
    /// A connection that the queue owns.
    Owned(Token),
    /// A listener that may have more connections, and since when that is known (monotonic milliseconds).
    Door { index: usize, since: u64 },
}

impl Ready {
    pub(super) fn door(index: usize) -> Ready {
        Ready::Door {
            index,
            since: clock::monotonic_millis(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    inner: Mutex<Inner>,
    /// Entries of both queues, to look at without the lock.
    length: AtomicUsize,
    requests: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    /// Oldest first, each with the time at which it was complete (monotonic milliseconds).
    requests: VecDeque<(Token, u64)>,
    ready: VecDeque<Ready>,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.length.load(SeqCst) == 0
    }

    /// Entries of both queues.
    pub(super) fn len(&self) -> usize {
        self.length.load(SeqCst)
    }

    /// Complete requests that wait.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }

    // The counts change under the lock: who takes an entry finds it counted, so none of them ever goes below zero.

    pub(super) fn push_ready(&self, ready: Ready) {
        let mut inner = self.lock();
        inner.ready.push_back(ready);
        self.length.fetch_add(1, SeqCst);
    }

    pub(super) fn push_all_ready(&self, all: Vec<Ready>) {
        let mut inner = self.lock();
        self.length.fetch_add(all.len(), SeqCst);
        inner.ready.extend(all);
    }

    /// Queues a request that was complete at `complete_at`; calls come in the order of that.
    pub(super) fn push_request(&self, token: Token, complete_at: u64) {
        let mut inner = self.lock();
        inner.requests.push_back((token, complete_at));
        self.requests.fetch_add(1, SeqCst);
        self.length.fetch_add(1, SeqCst);
    }

    /// The oldest complete request, else the oldest news.
    pub(super) fn pop(&self) -> Option<Ready> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.lock();
        if let Some((token, _)) = inner.requests.pop_front() {
            self.took_request();
            return Some(Ready::Owned(token));
        }
        let ready = inner.ready.pop_front()?;
        self.length.fetch_sub(1, SeqCst);
        Some(ready)
    }

    /// The oldest news only.
    pub(super) fn pop_ready(&self) -> Option<Ready> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.lock();
        let ready = inner.ready.pop_front()?;
        self.length.fetch_sub(1, SeqCst);
        Some(ready)
    }

    /// The oldest request, if it is `overdue` (said of its time). One that is not stays where it is: a thread that finds
    /// the queue empty goes to wait, and nobody would wake it for a request that was only taken out to be looked at.
    pub(super) fn pop_overdue_request(&self, overdue: impl FnOnce(u64) -> bool) -> Option<Token> {
        if self.requests() == 0 {
            return None;
        }
        let mut inner = self.lock();
        let (_, complete_at) = *inner.requests.front()?;
        if !overdue(complete_at) {
            return None;
        }
        let (token, _) = inner.requests.pop_front()?;
        self.took_request();
        Some(token)
    }

    fn took_request(&self) {
        self.requests.fetch_sub(1, SeqCst);
        self.length.fetch_sub(1, SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_not_overdue_stays_in_the_queue() {
        let queues = Queues::default();
        queues.push_request(Token(1), 100);
        queues.push_request(Token(2), 200);
        let seen_while_judged = queues.pop_overdue_request(|complete_at| {
            assert_eq!(complete_at, 100);
            // What a thread looks at before it goes to wait.
            assert_eq!((queues.len(), queues.requests()), (2, 2));
            false
        });
        assert_eq!(seen_while_judged, None);
        assert_eq!(queues.pop_overdue_request(|at| at < 150), Some(Token(1)));
        assert_eq!(queues.pop_overdue_request(|at| at < 150), None);
        assert_eq!(queues.pop(), Some(Ready::Owned(Token(2))));
        assert!(queues.is_empty() && queues.requests() == 0);
    }
}
