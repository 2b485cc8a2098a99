//! Python exceptions as Rust values.

use std::ffi::CString;

use pyo3_ffi as ffi;

use crate::object::Object;
use crate::token::Python;

/// The result of a call into Python.
pub type PyResult<'py, T = Object<'py>> = Result<T, Error<'py>>;

/// The built-in exception classes this project raises or looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `TypeError`
    Type,
    /// `ValueError`
    Value,
    /// `RuntimeError`
    Runtime,
    /// `OSError`
    Os,
    /// `ImportError`
    Import,
    /// `SystemExit`
    SystemExit,
    /// `StopIteration`
    StopIteration,
    /// `AttributeError`
    Attribute,
    /// `MemoryError`
    Memory,
}

/// A raised exception, taken off the thread state.
pub struct Error<'py> {
    value: Object<'py>,
}

impl<'py> Error<'py> {
    /// A new exception of a built-in class. NUL bytes of `message` are left out.
    pub fn new(py: Python<'py>, kind: ErrorKind, message: &str) -> Self {
        let text = CString::new(message.replace('\0', "")).unwrap_or_default();
        // SAFETY: attached by the token; the class is a live static of CPython, the text lives past the call.
        unsafe { ffi::PyErr_SetString(kind.class(), text.as_ptr()) };
        Self::take(py)
    }

    /// An exception object that is to be raised; as with `raise`, a `TypeError` when it is none.
    pub fn from_value(py: Python<'py>, value: Object<'py>) -> Self {
        // SAFETY: attached by the token; a live object.
        if unsafe { ffi::PyExceptionInstance_Check(value.as_ptr()) } == 0 {
            return Self::new(
                py,
                ErrorKind::Type,
                "exceptions must derive from BaseException",
            );
        }
        Error { value }
    }

    /// The exception that the three items of `sys.exc_info()` stand for. `value` may be the argument of `class`, and
    /// the traceback `None`, as in Python 2's `raise class, value, traceback` (`PyErr_Restore`).
    pub fn from_exc_info(
        py: Python<'py>,
        class: &Object<'py>,
        value: &Object<'py>,
        traceback: &Object<'py>,
    ) -> Self {
        // SAFETY: attached by the token; a live object.
        let made = if unsafe { ffi::PyExceptionInstance_Check(value.as_ptr()) } != 0 {
            Ok(value.clone())
        // SAFETY: as above.
        } else if unsafe { ffi::PyExceptionClass_Check(class.as_ptr()) } == 0 {
            Ok(class.clone())
        } else if value.is_none() {
            class.call(py, &[])
        } else {
            class.call(py, &[value])
        };
        let error = match made {
            Ok(value) => Self::from_value(py, value),
            Err(error) => return error,
        };
        // SAFETY: attached by the token; a live exception. Anything but a traceback or `None` raises TypeError.
        let status =
            unsafe { ffi::PyException_SetTraceback(error.value.as_ptr(), traceback.as_ptr()) };
        if status < 0 { Self::take(py) } else { error }
    }

    /// The exception with another as its cause, as `raise ... from cause` makes it.
    pub fn caused_by(self, _py: Python<'py>, cause: Error<'py>) -> Self {
        // SAFETY: attached by the token; both are live exceptions, and the call takes over the reference to the cause.
        unsafe { ffi::PyException_SetCause(self.value.as_ptr(), cause.value.into_ptr()) };
        self
    }

    /// The exception object.
    pub fn value(&self) -> &Object<'py> {
        &self.value
    }

    /// Whether the exception is an instance of a built-in class.
    pub fn is(&self, _py: Python<'py>, kind: ErrorKind) -> bool {
        // SAFETY: attached by the token; both are live objects of this interpreter.
        unsafe { ffi::PyErr_GivenExceptionMatches(self.value.as_ptr(), kind.class()) != 0 }
    }

    /// Whether the exception is an instance of `class`.
    pub fn is_instance(&self, _py: Python<'py>, class: &Object<'py>) -> bool {
        // SAFETY: attached by the token; both are live objects of this interpreter.
        unsafe { ffi::PyErr_GivenExceptionMatches(self.value.as_ptr(), class.as_ptr()) != 0 }
    }

    /// The exception's class name and text on one line, for messages.
    pub fn describe(&self, py: Python<'py>) -> String {
        let class = self.value.type_name();
        match self.value.str(py) {
            Ok(text) if text.is_empty() => class,
            Ok(text) => format!("{class}: {text}"),
            Err(_) => class,
        }
    }

    /// Takes the exception that a failed call has set (`PyErr_GetRaisedException`, before 3.12 `PyErr_Fetch`).
    pub(crate) fn take(py: Python<'py>) -> Self {
        match fetch() {
            Some(value) => {
                // SAFETY: a reference we own, of the interpreter this thread is attached to.
                let value = unsafe { Object::from_owned(py, value) };
                Error { value }
            }
            // A C function that fails without saying why; CPython itself reports it in these words.
            None => Self::new(
                py,
                ErrorKind::Runtime,
                "a call failed without setting an exception",
            ),
        }
    }

    /// Puts the exception back onto the thread state, for a callback that returns to CPython.
    pub(crate) fn restore(self) {
        set_raised(self.value.into_ptr());
    }
}

impl std::fmt::Debug for Error<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Error")
            .field(&self.value.type_name())
            .finish()
    }
}

/// Reads one of CPython's exception class statics.
macro_rules! class {
    ($name:ident) => {
        // SAFETY: CPython sets these statics before any code of ours runs and never changes them.
        unsafe { ffi::$name }
    };
}

impl ErrorKind {
    fn class(self) -> *mut ffi::PyObject {
        match self {
            ErrorKind::Type => class!(PyExc_TypeError),
            ErrorKind::Value => class!(PyExc_ValueError),
            ErrorKind::Runtime => class!(PyExc_RuntimeError),
            ErrorKind::Os => class!(PyExc_OSError),
            ErrorKind::Import => class!(PyExc_ImportError),
            ErrorKind::SystemExit => class!(PyExc_SystemExit),
            ErrorKind::StopIteration => class!(PyExc_StopIteration),
            ErrorKind::Attribute => class!(PyExc_AttributeError),
            ErrorKind::Memory => class!(PyExc_MemoryError),
        }
    }
}

#[cfg(Py_3_12)]
fn fetch() -> Option<std::ptr::NonNull<ffi::PyObject>> {
    // SAFETY: only called from methods that hold a token.
    std::ptr::NonNull::new(unsafe { ffi::PyErr_GetRaisedException() })
}

#[cfg(Py_3_12)]
fn set_raised(value: *mut ffi::PyObject) {
    // SAFETY: only called by threads that are attached; the call takes over our reference to `value`.
    unsafe { ffi::PyErr_SetRaisedException(value) };
}

#[cfg(not(Py_3_12))]
fn fetch() -> Option<std::ptr::NonNull<ffi::PyObject>> {
    let (mut class, mut value, mut traceback) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    // SAFETY: only called from methods that hold a token; the three pointers are valid for writes.
    unsafe { ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback) };
    if class.is_null() {
        return None;
    }
    // SAFETY: the three were just fetched and are passed on unchanged.
    unsafe { ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback) };
    if !traceback.is_null() {
        // SAFETY: after normalising, `value` is an exception instance and `traceback` a traceback object.
        unsafe { ffi::PyException_SetTraceback(value, traceback) };
    }
    // SAFETY: we own these references (NULL is allowed).
    unsafe { ffi::Py_XDECREF(class) };
    // SAFETY: as above.
    unsafe { ffi::Py_XDECREF(traceback) };
    std::ptr::NonNull::new(value)
}

#[cfg(not(Py_3_12))]
fn set_raised(value: *mut ffi::PyObject) {
    // SAFETY: only called by threads that are attached; `value` is a live exception instance.
    let class = unsafe { ffi::Py_TYPE(value) }.cast::<ffi::PyObject>();
    // SAFETY: `class` is alive as long as its instance is; `PyErr_Restore` needs a reference of its own.
    unsafe { ffi::Py_INCREF(class) };
    // SAFETY: attached; a new reference or NULL, as `PyErr_Restore` wants it.
    let traceback = unsafe { ffi::PyException_GetTraceback(value) };
    // SAFETY: the call takes over the three references we own.
    unsafe { ffi::PyErr_Restore(class, value, traceback) };
}
