//! The one door from C into Rust.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3_ffi as ffi;

use crate::error::{Error, ErrorKind};
use crate::object::Object;
use crate::thread_state::CalledByPython;
use crate::token::Python;

/// What a callback returns to C: a value, and what stands for "an exception is set".
pub(crate) trait CallbackResult<'py> {
    /// The type C sees.
    type Raw;
    /// Hands the value over, ownership included.
    fn into_raw(self) -> Self::Raw;
    /// The value that tells CPython to look for the exception.
    const FAILED: Self::Raw;
}

impl<'py> CallbackResult<'py> for Object<'py> {
    type Raw = *mut ffi::PyObject;
    const FAILED: Self::Raw = std::ptr::null_mut();
    fn into_raw(self) -> Self::Raw {
        self.into_ptr()
    }
}

/// `tp_iternext`: NULL without an exception is the end.
impl<'py> CallbackResult<'py> for Option<Object<'py>> {
    type Raw = *mut ffi::PyObject;
    const FAILED: Self::Raw = std::ptr::null_mut();
    fn into_raw(self) -> Self::Raw {
        self.map_or(std::ptr::null_mut(), Object::into_ptr)
    }
}

impl CallbackResult<'_> for () {
    type Raw = std::ffi::c_int;
    const FAILED: Self::Raw = -1;
    fn into_raw(self) -> Self::Raw {
        0
    }
}

/// Runs the body of an `extern "C"` callback: a returned error becomes the raised exception, a panic becomes a
/// `RuntimeError`, and neither unwinds into C.
///
/// # Safety
/// CPython called the callback, so this thread is attached until it returns.
pub(crate) unsafe fn callback<'py, R: CallbackResult<'py>>(
    body: impl FnOnce(Python<'py>) -> Result<R, Error<'py>>,
) -> R::Raw {
    // SAFETY: attached by this function's requirement; `'py` ends when the callback returns, since nothing that holds
    // it can be stored anywhere.
    let py = unsafe { Python::assume_attached() };
    let _entered = CalledByPython::enter();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(py)));
    match outcome {
        Ok(Ok(value)) => value.into_raw(),
        Ok(Err(error)) => {
            error.restore();
            R::FAILED
        }
        Err(payload) => {
            Error::new(py, ErrorKind::Runtime, &panic_text(payload.as_ref())).restore();
            R::FAILED
        }
    }
}

/// The text of a panic, for an exception or a log line.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("internal error in rickhouse: {text}")
}
