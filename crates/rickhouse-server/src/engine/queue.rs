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
    /// Oldest first.
    requests: VecDeque<Token>,
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

    pub(super) fn push_ready(&self, ready: Ready) {
        self.lock().ready.push_back(ready);
        self.length.fetch_add(1, SeqCst);
    }

    pub(super) fn push_all_ready(&self, all: Vec<Ready>) {
        let count = all.len();
        self.lock().ready.extend(all);
        self.length.fetch_add(count, SeqCst);
    }

    pub(super) fn push_request(&self, token: Token) {
        self.lock().requests.push_back(token);
        self.requests.fetch_add(1, SeqCst);
        self.length.fetch_add(1, SeqCst);
    }

    /// The oldest complete request, else the oldest news.
    pub(super) fn pop(&self) -> Option<Ready> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.lock();
        if let Some(token) = inner.requests.pop_front() {
            self.requests.fetch_sub(1, SeqCst);
            self.length.fetch_sub(1, SeqCst);
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
        let ready = self.lock().ready.pop_front()?;
        self.length.fetch_sub(1, SeqCst);
        Some(ready)
    }

    /// The oldest request only.
    pub(super) fn pop_request(&self) -> Option<Token> {
        if self.requests() == 0 {
            return None;
        }
        let token = self.lock().requests.pop_front()?;
        self.requests.fetch_sub(1, SeqCst);
        self.length.fetch_sub(1, SeqCst);
        Some(token)
    }

    /// Puts a request back as the oldest.
    pub(super) fn unpop_request(&self, token: Token) {
        self.lock().requests.push_front(token);
        self.requests.fetch_add(1, SeqCst);
        self.length.fetch_add(1, SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
