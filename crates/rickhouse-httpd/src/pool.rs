//! `apr_pool_t`: memory that goes away all at once.

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use rickhouse_httpd_sys as sys;

use crate::fence::fence;
use crate::text::HasNul;

/// A pool that lives at least as long as `'p`.
///
/// Neither `Send` nor `Sync`: APR's pools have no locks, and each belongs to the thread that httpd calls us on.
#[derive(Clone, Copy)]
pub struct Pool<'p> {
    pool: NonNull<sys::apr_pool_t>,
    life: PhantomData<&'p sys::apr_pool_t>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `pool` lives during `'p` and is used by this thread alone.
    ///
    /// # Panics
    /// When `pool` is null, which httpd never passes.
    pub(crate) unsafe fn from_raw(pool: *mut sys::apr_pool_t) -> Self {
        let pool = NonNull::new(pool).expect("httpd passes a pool");
        Self {
            pool,
            life: PhantomData,
        }
    }

    pub(crate) fn as_ptr(self) -> *mut sys::apr_pool_t {
        self.pool.as_ptr()
    }

    /// A copy of `text` in the pool, with a NUL at its end.
    ///
    /// # Errors
    /// When `text` has a NUL: C would see less than was meant.
    pub(crate) fn copy(self, text: &[u8]) -> Result<*mut c_char, HasNul> {
        HasNul::check(text)?;
        // SAFETY: the pool lives; the bytes are readable for their length and copied at once.
        Ok(unsafe { sys::apr_pstrmemdup(self.as_ptr(), text.as_ptr().cast(), text.len()) })
    }

    /// A copy of a message in the pool; what follows a NUL is lost.
    pub(crate) fn message(self, text: &str) -> *mut c_char {
        let text = text.split('\0').next().unwrap_or_default();
        self.copy(text.as_bytes())
            .expect("the text has been cut at the first NUL")
    }

    /// Keeps `value` until the pool goes away, then drops it.
    ///
    /// A request's pool may go away on another thread than the one that filled it, hence `Send`.
    /// Its address must not be given to APR: cleanups run before APR is done with what it was given.
    pub(crate) fn keep<T: Send + 'static>(self, value: T) -> NonNull<T> {
        let kept = NonNull::from(Box::leak(Box::new(value)));
        // SAFETY: the pool lives, and the box is the cleanup's from here on. Children of a fork that exec need no drop.
        unsafe {
            sys::apr_pool_cleanup_register(
                self.as_ptr(),
                kept.as_ptr().cast(),
                Some(drop_kept::<T>),
                Some(sys::apr_pool_cleanup_null),
            );
        }
        kept
    }

    /// Runs `body` when the pool goes away. Processes that were forked meanwhile have a copy of the pool: where it matters,
    /// `body` looks whether it is in the right one.
    pub fn at_end(self, body: impl FnOnce() + Send + 'static) {
        self.keep(AtEnd(Some(body)));
    }

    /// Memory in the pool that holds `value`, which needs no drop; for what APR or httpd keep a pointer to.
    pub(crate) fn place<T: Copy>(self, value: T) -> NonNull<T> {
        // APR aligns to eight bytes.
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: the pool lives.
        let place = unsafe { sys::apr_palloc(self.as_ptr(), size_of::<T>()) };
        let place = NonNull::new(place.cast::<T>())
            .expect("httpd ends the process when there is no memory");
        // SAFETY: the memory is fresh, large enough and aligned.
        unsafe { place.write(value) };
        place
    }

    /// Zeros in the pool for a `T`, and some more: where httpd's structures grow, they grow at the end.
    pub(crate) fn zeroed<T: Copy>(self) -> NonNull<T> {
        /// Bytes that a newer httpd may have added.
        const SPARE: usize = 512;
        const { assert!(align_of::<T>() <= 8) };
        let size = size_of::<T>() + SPARE;
        // SAFETY: the pool lives.
        let place = unsafe { sys::apr_palloc(self.as_ptr(), size) };
        let place = NonNull::new(place.cast::<u8>())
            .expect("httpd ends the process when there is no memory");
        // SAFETY: the memory is fresh and `size` bytes long.
        unsafe { place.write_bytes(0, size) };
        place.cast()
    }
}

/// Runs a function when it is dropped.
struct AtEnd<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        if let Some(body) = self.0.take() {
            body();
        }
    }
}

unsafe extern "C" fn drop_kept<T>(kept: *mut c_void) -> sys::apr_status_t {
    fence("pool cleanup", 0, || {
        // SAFETY: `keep` leaked this box for this one call.
        drop(unsafe { Box::from_raw(kept.cast::<T>()) });
        0
    })
}
