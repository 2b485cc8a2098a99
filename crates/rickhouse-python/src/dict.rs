//! Dictionaries.

use pyo3_ffi as ffi;

use crate::error::{Error, PyResult};
use crate::object::Object;
use crate::token::Python;

/// An exact `dict`.
#[derive(Clone)]
pub struct Dict<'py>(Object<'py>);

impl<'py> Dict<'py> {
    /// An empty dictionary.
    pub fn new(py: Python<'py>) -> PyResult<'py, Self> {
        // SAFETY: attached.
        let dict = unsafe { ffi::PyDict_New() };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(py, dict) }.map(Dict)
    }

    /// `object` when it is exactly a `dict`.
    pub fn from_object(object: Object<'py>) -> Option<Self> {
        // SAFETY: attached; a live object.
        (unsafe { ffi::PyDict_CheckExact(object.as_ptr()) } != 0).then_some(Dict(object))
    }

    /// A shallow copy. With more than half of the entries in use CPython copies the whole table at once.
    pub fn copy(&self, py: Python<'py>) -> PyResult<'py, Self> {
        // SAFETY: attached; a live `dict`.
        let dict = unsafe { ffi::PyDict_Copy(self.0.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(py, dict) }.map(Dict)
    }

    /// `self[key] = value`.
    pub fn set(
        &self,
        py: Python<'py>,
        key: &Object<'py>,
        value: &Object<'py>,
    ) -> PyResult<'py, ()> {
        // SAFETY: attached; all three are live, the first is a `dict`.
        let status = unsafe { ffi::PyDict_SetItem(self.0.as_ptr(), key.as_ptr(), value.as_ptr()) };
        if status < 0 {
            Err(Error::take(py))
        } else {
            Ok(())
        }
    }

    /// `self[key] = value` with a text key.
    pub fn set_str(&self, py: Python<'py>, key: &str, value: &Object<'py>) -> PyResult<'py, ()> {
        let key = py.str_interned(key)?;
        self.set(py, &key, value)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        // SAFETY: attached; a live `dict`.
        let size = unsafe { ffi::PyDict_Size(self.0.as_ptr()) };
        usize::try_from(size).unwrap_or(0)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dictionary, given up for an object.
    pub fn into_object(self) -> Object<'py> {
        self.0
    }

    /// The dictionary as an object.
    pub fn as_object(&self) -> &Object<'py> {
        &self.0
    }
}
