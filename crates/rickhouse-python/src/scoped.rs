//! Lending a value on the stack to Python objects that may outlive it.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::thread_state::ThreadIdent;
use crate::token::Python;

/// Why a lent value cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError {
    /// The scope has ended, or has not begun.
    Vacant,
    /// Somebody uses the value at this moment: another thread, or a caller further up this one's stack.
    Busy,
}

/// A family of types that differ in a lifetime only, such as `dyn Trait + 'a`.
pub trait Lendable: 'static {
    /// The member of the family that borrows for `'a`.
    type Of<'a>: ?Sized + Send + 'a;
}

/// A place where a `&mut F::Of<'_>` can be lent for the length of a call.
///
/// Python objects of a request (`wsgi.input`, `start_response`) reach the request through it. Applications keep such
/// objects, hand them to other threads, and use them after the request: they find the place vacant, or busy, and never
/// a dangling pointer.
pub struct Scoped<F: Lendable> {
    lent: Mutex<Option<Lent<F>>>,
    /// The thread that uses the value; 0, which is no thread's number, when none does. Only the thread itself can rely on it.
    user: AtomicU64,
}

/// The lent value, its lifetime forgotten.
struct Lent<F: Lendable>(NonNull<F::Of<'static>>);

// SAFETY: the pointer is dereferenced only by the one holder of the mutex, while the lender waits; that the value is
// `Send`, which `Lendable` asks for, is what makes that sound on another thread.
unsafe impl<F: Lendable> Send for Lent<F> {}

impl<F: Lendable> Scoped<F> {
    /// A vacant place.
    pub fn vacant() -> Self {
        Scoped {
            lent: Mutex::new(None),
            user: AtomicU64::new(0),
        }
    }

    /// Lends `value` while `work` runs. Before it returns it waits until no other thread uses the value, detached, so
    /// that a user that is waiting for the interpreter can finish.
    ///
    /// # Panics
    /// When a value is lent already.
    pub fn lend<'a, R>(
        &self,
        py: Python<'_>,
        value: &mut F::Of<'a>,
        work: impl FnOnce() -> R,
    ) -> R {
        let value: NonNull<F::Of<'a>> = NonNull::from(value);
        // SAFETY: both are pointers to the same type but for a lifetime, hence of the same size. `with` never shows
        // the forgotten lifetime to its caller, and `EndOfLoan` ends the loan within `'a`.
        let value: NonNull<F::Of<'static>> = unsafe { std::mem::transmute_copy(&value) };
        {
            let mut lent = self.lock();
            assert!(lent.is_none(), "a value is lent already");
            *lent = Some(Lent(value));
        }
        let _end = EndOfLoan { place: self, py };
        work()
    }

    /// Uses the lent value.
    ///
    /// # Errors
    /// [`ScopeError`] when there is none, or somebody else uses it. It never waits: a waiting thread would hold the
    /// interpreter that the user may need in order to finish.
    pub fn with<R>(&self, work: impl for<'a> FnOnce(&mut F::Of<'a>) -> R) -> Result<R, ScopeError> {
        let lent = self.try_lock().ok_or(ScopeError::Busy)?;
        self.use_lent(lent, work)
    }

    /// As [`Scoped::with`], but waits, detached, while another thread uses the value.
    ///
    /// # Errors
    /// [`ScopeError::Vacant`]; [`ScopeError::Busy`] when the calling thread itself uses the value further up its stack,
    /// such as in a finalizer that ran inside of it: it would wait for ever.
    pub fn with_turn<R>(
        &self,
        py: Python<'_>,
        work: impl for<'a> FnOnce(&mut F::Of<'a>) -> R,
    ) -> Result<R, ScopeError> {
        loop {
            if let Some(lent) = self.try_lock() {
                return self.use_lent(lent, work);
            }
            if self.user.load(Ordering::Relaxed) == ThreadIdent::current().as_u64() {
                return Err(ScopeError::Busy);
            }
            // The lock cannot be brought along from there: it would then be held while waiting for the interpreter.
            py.detach(|| drop(self.lock()));
        }
    }

    fn use_lent<R>(
        &self,
        mut lent: MutexGuard<'_, Option<Lent<F>>>,
        work: impl for<'a> FnOnce(&mut F::Of<'a>) -> R,
    ) -> Result<R, ScopeError> {
        let Some(Lent(value)) = lent.as_mut() else {
            return Err(ScopeError::Vacant);
        };
        let _user = User::enter(&self.user);
        // SAFETY: `lend` got the pointer from a `&mut T` that stays borrowed until `EndOfLoan` has taken it back, for
        // which it needs the mutex held here; the mutex also makes this the only use.
        Ok(work(unsafe { value.as_mut() }))
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<Lent<F>>>> {
        match self.lent.try_lock() {
            Ok(lent) => Some(lent),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lent<F>>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the calling thread as the user of the value. Dropped before the mutex is let go, also when the work unwinds.
struct User<'a>(&'a AtomicU64);

impl<'a> User<'a> {
    fn enter(user: &'a AtomicU64) -> Self {
        user.store(ThreadIdent::current().as_u64(), Ordering::Relaxed);
        User(user)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Takes the value back, also when the work unwinds.
struct EndOfLoan<'a, 'py, F: Lendable> {
    place: &'a Scoped<F>,
    py: Python<'py>,
}

impl<F: Lendable> Drop for EndOfLoan<'_, '_, F> {
    fn drop(&mut self) {
        let place = self.place;
        match place.try_lock() {
            Some(mut lent) => *lent = None,
            None => self.py.detach(|| *place.lock() = None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Number;

    impl Lendable for Number {
        type Of<'a> = u32;
    }

    #[test]
    fn a_place_is_vacant_before_a_loan() {
        let place = Scoped::<Number>::vacant();
        assert_eq!(place.with(|value| *value), Err(ScopeError::Vacant));
    }
}
