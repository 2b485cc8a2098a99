//! How many connections of one kind may be open, and when their doors are watched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The connections that came through the doors of one role.
///
/// Rules of sharing. `suspended` and what the readiness set watches change together, under `lock`. Who gives up a place
/// does so before it looks at `suspended`; who suspends sets it before it looks at the count (both sequentially
/// consistent): one of them sees the other, so a gate with room never stays suspended.
#[derive(Debug)]
pub(super) struct Gate {
    limit: usize,
    /// Open connections, and those that are being accepted now.
    open: AtomicUsize,
    suspended: AtomicBool,
    lock: Mutex<()>,
}

/// Why the doors are no longer watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The connection limit: over as soon as there is room.
    Limit,
    /// Accepting failed, as a rule for want of descriptors: over when a connection closes, or at the next look.
    Failed,
}

impl Gate {
    pub(super) fn new(limit: usize) -> Gate {
        Gate {
            limit,
            open: AtomicUsize::new(0),
            suspended: AtomicBool::new(false),
            lock: Mutex::new(()),
        }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.load(SeqCst)
    }

    /// Takes a place for a connection that is about to be accepted; `false` when there is none.
    ///
    /// Counted before it is accepted: a drain that sees nothing open has seen the last connection.
    pub(super) fn enter(&self) -> bool {
        // Never counted beyond the limit, not even for a moment: another thread would take that for a full gate.
        let one_more = |open| (open < self.limit).then_some(open + 1);
        self.open.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    /// Takes a place beyond the limit, for something that must be waited for.
    pub(super) fn enter_anyway(&self) {
        self.open.fetch_add(1, SeqCst);
    }

    /// Gives a place back. The doors are to be reopened if the gate [is suspended](Gate::is_suspended) then.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, SeqCst);
    }

    /// Suspends the doors with `unwatch`, unless they are. `false` when there is room again, and therefore nothing was
    /// suspended: what the caller was told of still waits at its door.
    #[must_use]
    pub(super) fn suspend(&self, reason: Reason, unwatch: impl FnOnce()) -> bool {
        let _changing = self.lock();
        if self.suspended.swap(true, SeqCst) {
            return true;
        }
        if reason == Reason::Limit && self.has_room() {
            self.suspended.store(false, SeqCst);
            return false;
        }
        unwatch();
        true
    }

    /// Ends the suspension with `watch`, which says whether all doors are watched now; otherwise it goes on, and the next
    /// call tries again. `watch` leaves all or none watched.
    pub(super) fn resume(&self, watch: impl FnOnce() -> bool) {
        let _changing = self.lock();
        if self.is_suspended() && self.has_room() {
            // Before the doors report: who is woken by one must find the gate open.
            self.suspended.store(false, SeqCst);
            if !watch() {
                self.suspended.store(true, SeqCst);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.open() < self.limit
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn the_limit_is_kept_before_anything_is_accepted() {
        let gate = Gate::new(2);
        assert!(gate.enter() && gate.enter());
        assert!(!gate.enter());
        assert_eq!(gate.open(), 2);
        gate.leave();
        assert!(gate.enter());
    }

    #[test]
    fn a_gate_with_room_is_not_suspended_for_its_limit() {
        let gate = Gate::new(1);
        // The thread that found it full comes late: the place is free again.
        assert!(!gate.suspend(Reason::Limit, || panic!("there is room")));
        assert!(!gate.is_suspended());
        assert!(gate.suspend(Reason::Failed, || {}));
        assert!(gate.is_suspended());
    }

    #[test]
    fn doors_that_cannot_be_watched_are_tried_again() {
        let gate = Gate::new(1);
        assert!(gate.suspend(Reason::Failed, || {}));
        gate.resume(|| false);
        assert!(gate.is_suspended());
        gate.resume(|| true);
        assert!(!gate.is_suspended());
    }

    #[test]
    fn flag_and_watch_never_part() {
        // Threads fill and empty a gate of one place. Whoever changes the flag changes the watch: were that two steps, a
        // gate would end up open and not watched, and its server deaf.
        let (gate, watched) = (Gate::new(1), AtomicBool::new(true));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        if gate.enter() {
                            gate.leave();
                        } else {
                            let _room = gate.suspend(Reason::Limit, || {
                                assert!(watched.swap(false, Relaxed), "unwatched twice");
                            });
                        }
                        if gate.is_suspended() {
                            gate.resume(|| {
                                assert!(!watched.swap(true, Relaxed), "watched twice");
                                true
                            });
                        }
                    }
                });
            }
        });
        assert_eq!((gate.open(), gate.is_suspended()), (0, false));
        assert!(watched.load(Relaxed));
    }
}
