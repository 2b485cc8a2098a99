//! What each worker does right now, for the main thread to see without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rickhouse_os::clock::monotonic_millis;
use rickhouse_os::nudge::Thread;

/// Neither waits in `accept4` nor serves anybody.
const ELSEWHERE: u64 = 0;
/// Waits in `accept4`.
const ACCEPTING: u64 = 1;
/// Any other value: when the connection was accepted, in milliseconds of the monotonic clock, plus this.
const FIRST: u64 = 2;

/// One worker's state.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: AtomicU64,
    thread: OnceLock<Thread>,
}

impl Slot {
    /// The calling thread is the worker.
    pub(crate) fn enter(&self) {
        self.thread.get_or_init(Thread::current);
    }

    pub(crate) fn accepting(&self) {
        self.state.store(ACCEPTING, SeqCst);
    }

    pub(crate) fn accepted(&self) {
        self.state
            .store(monotonic_millis().saturating_add(FIRST), SeqCst);
    }

    pub(crate) fn elsewhere(&self) {
        self.state.store(ELSEWHERE, SeqCst);
    }

    /// Calls the worker from `accept4`; `false` when it is not there.
    pub(crate) fn call(&self) -> bool {
        self.is_accepting() && self.thread.get().is_some_and(|thread| thread.nudge())
    }

    fn is_accepting(&self) -> bool {
        self.state.load(SeqCst) == ACCEPTING
    }

    /// How long ago the connection being served was accepted.
    pub(crate) fn age(&self) -> Option<Duration> {
        let since = self.state.load(SeqCst).checked_sub(FIRST)?;
        Some(Duration::from_millis(
            monotonic_millis().saturating_sub(since),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_has_an_age() {
        let slot = Slot::default();
        assert_eq!((slot.age(), slot.is_accepting()), (None, false));
        slot.accepting();
        assert_eq!((slot.age(), slot.is_accepting()), (None, true));
        slot.accepted();
        assert!(slot.age().is_some_and(|age| age < Duration::from_secs(60)));
        assert!(!slot.is_accepting());
        slot.elsewhere();
        assert_eq!(slot.age(), None);
    }
}
