//! A request that several threads use in turns.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::log;
use crate::request::Request;

/// A request on loan: whoever has this may use it, on any thread, while the thread that httpd called waits for the end of
/// [`Request::lend`].
///
/// For foreign code that has threads of its own, such as a Python application. What the request's own thread logs
/// meanwhile ([`log::Scope::Current`]) is about the request, too, unless another thread uses it at that very moment.
pub struct Lent<'a, 'r> {
    request: &'a mut Request<'r>,
    uses: &'a Mutex<()>,
}

// SAFETY: httpd ties a request to no thread: MPMs and mod_http2 themselves take connections from one to another. It has no
// locks, so there must be one user at a time. `request` is a unique borrow, so the lender has no other way to the request
// and all that hangs on it than this value, which has one owner; but for its log, which locks `uses` as `turn` does.
unsafe impl Send for Lent<'_, '_> {}

impl<'r> Request<'r> {
    /// Runs `body` with this request on loan. Records of this thread are about it meanwhile, as in [`Request::inside`].
    pub fn lend<T>(&mut self, body: impl FnOnce(Lent<'_, 'r>) -> T) -> T {
        let uses = Mutex::new(());
        let (request, server) = (self.as_ptr(), self.server().as_ptr());
        let lent = Lent {
            request: self,
            uses: &uses,
        };
        // SAFETY: the request lives longer than `self`, and it is used through `Lent` only, which locks `uses`.
        unsafe { log::inside_lent(request, server, &uses, || body(lent)) }
    }
}

impl<'r> Lent<'_, 'r> {
    /// The request, for the calling thread alone while it holds the guard.
    pub fn turn(&mut self) -> Turn<'_, 'r> {
        // Guards no data of its own: a panic of another user has left nothing broken in it.
        let turn = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            request: self.request,
            _turn: turn,
        }
    }
}

/// See [`Lent::turn`].
pub struct Turn<'a, 'r> {
    request: &'a mut Request<'r>,
    _turn: MutexGuard<'a, ()>,
}

impl<'r> Deref for Turn<'_, 'r> {
    type Target = Request<'r>;

    fn deref(&self) -> &Request<'r> {
        self.request
    }
}

impl<'r> DerefMut for Turn<'_, 'r> {
    fn deref_mut(&mut self) -> &mut Request<'r> {
        self.request
    }
}
