//! The state of one request, shared by the Python objects made for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rickhouse_python::{ClassHandle, Handle, Object, PyResult, Python, Scoped};

use crate::adapter::input::InputState;
use crate::adapter::response::ResponseState;
use crate::adapter::{Adapter, Input};
use crate::exchange::ExchangeFamily;
use crate::hosted::Policy;

/// What `start_response`, `write` and `wsgi.input` of one request have in common.
///
/// No lock is held across a call into Python or while detached; the exchange's own place refuses a second user
/// instead of making it wait.
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
