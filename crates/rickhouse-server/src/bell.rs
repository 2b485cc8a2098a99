//! A sleep that another thread can end.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Rung before or during a sleep, it ends the sleep.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
    /// The sleeper sleeps without end: the one case in which [`Bell::ring_if_asleep`] rings.
    sound_asleep: AtomicBool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Rings only if the sleeper sleeps without end; else nearly free.
    pub(crate) fn ring_if_asleep(&self) {
        if self.sound_asleep.load(SeqCst) {
            self.ring();
        }
    }

    /// Sleeps until rung, or for `at_most`.
    pub(crate) fn sleep(&self, at_most: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(rung, at_most, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    /// Sleeps until rung, unless `needless` says (after others can see that we sleep) that there is something to do.
    pub(crate) fn sleep_unless(&self, needless: impl Fn() -> bool) {
        self.sound_asleep.store(true, SeqCst);
        if !needless() {
            let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.changed.wait_while(rung, |rung| !*rung);
            *waited.unwrap_or_else(PoisonError::into_inner) = false;
        }
        self.sound_asleep.store(false, SeqCst);
    }
}
