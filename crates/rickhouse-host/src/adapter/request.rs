//! The state of one request, shared by the Python objects made for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rickhouse_python::{ClassHandle, Handle, Object, PyResult, Python, ScopeError, Scoped};

use crate::adapter::input::InputState;
use crate::adapter::response::ResponseState;
use crate::adapter::{Adapter, Input};
use crate::exchange::{Exchange, ExchangeFamily};
use crate::hosted::Policy;

/// What `start_response`, `write` and `wsgi.input` of one request have in common.
///
/// All threads of the application may use them while the request's own thread is inside of it; they take turns at the
/// exchange, for which they wait detached. The other locks are never held across a call into Python or while detached.
pub(crate) struct Request {
    pub(crate) exchange: Scoped<ExchangeFamily>,
    pub(crate) policy: Policy,
    response: Mutex<ResponseState>,
    input: Mutex<InputState>,
}

impl Request {
    pub(crate) fn new(policy: Policy) -> Arc<Self> {
        Arc::new(Request {
            exchange: Scoped::vacant(),
            policy,
            response: Mutex::default(),
            input: Mutex::default(),
        })
    }

    pub(crate) fn response(&self) -> MutexGuard<'_, ResponseState> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn input(&self) -> MutexGuard<'_, InputState> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the exchange for the application, as soon as no other of its threads does.
    ///
    /// # Errors
    /// [`ScopeError::Vacant`] when the application is done with the request; see also [`Scoped::with_turn`].
    pub(crate) fn in_turn<'py, R>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut dyn Exchange) -> R,
    ) -> Result<R, ScopeError> {
        let outcome = self.exchange.with_turn(py, |exchange| {
            // Asked inside of the turn: the request may have ended while this thread waited.
            let finished = self.response().is_finished();
            (!finished).then(|| work(exchange))
        });
        outcome?.ok_or(ScopeError::Vacant)
    }

    /// Makes the state fit for the next request.
    pub(crate) fn reset(&self) {
        self.response().reset();
        self.input().reset();
    }
}

/// The classes of an interpreter whose instances belong to requests.
pub(crate) struct RequestClasses {
    adapter: ClassHandle<Adapter>,
    input: ClassHandle<Input>,
}

impl RequestClasses {
    pub(crate) fn new(py: Python<'_>) -> PyResult<'_, Self> {
        Ok(RequestClasses {
            adapter: ClassHandle::new(py)?,
            input: ClassHandle::new(py)?,
        })
    }

    pub(crate) fn adapter<'py>(
        &self,
        py: Python<'py>,
        request: &Arc<Request>,
        write_name: &Object<'py>,
    ) -> PyResult<'py> {
        let adapter = Adapter::new(Arc::clone(request), Handle::new(py, write_name));
        self.adapter.instance(py, adapter)
    }

    pub(crate) fn input<'py>(&self, py: Python<'py>, request: &Arc<Request>) -> PyResult<'py> {
        self.input.instance(py, Input::new(Arc::clone(request)))
    }

    /// The classes by the names they have in the `mod_wsgi` module.
    pub(crate) fn objects<'py>(
        &self,
        py: Python<'py>,
    ) -> [(&'static std::ffi::CStr, Object<'py>); 2] {
        [
            (c"Adapter", self.adapter.object(py)),
            (c"Input", self.input.object(py)),
        ]
    }
}
