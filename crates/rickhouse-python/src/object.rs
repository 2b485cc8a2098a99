//! Strong references that are bound to an attached thread (`PyObject *`, owned).

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::{Error, ErrorKind, PyResult};
use crate::token::Python;

/// A strong reference to a Python object, usable while its thread is attached.
///
/// It has the layout of a `PyObject *`, so that CPython's argument arrays can be read in place. It is neither `Send`
/// nor `Sync`, hence cannot be captured by [`Python::detach`].
#[repr(transparent)]
pub struct Object<'py> {
    pointer: NonNull<ffi::PyObject>,
    _token: PhantomData<Python<'py>>,
}

impl<'py> Object<'py> {
    /// # Safety
    /// `pointer` is a strong reference that the caller gives up, to an object of the interpreter of `_py`.
    pub(crate) unsafe fn from_owned(_py: Python<'py>, pointer: NonNull<ffi::PyObject>) -> Self {
        Object {
            pointer,
            _token: PhantomData,
        }
    }

    /// Takes the result of a C call that returns a new reference, or NULL with an exception set.
    ///
    /// # Safety
    /// As [`Object::from_owned`], and NULL means that an exception is set.
    pub(crate) unsafe fn from_call(py: Python<'py>, pointer: *mut ffi::PyObject) -> PyResult<'py> {
        match NonNull::new(pointer) {
            // SAFETY: this function has the same requirement.
            Some(pointer) => Ok(unsafe { Self::from_owned(py, pointer) }),
            None => Err(Error::take(py)),
        }
    }

    /// Makes a strong reference of a borrowed one.
    ///
    /// # Safety
    /// `pointer` is a live object of the interpreter of `py`.
    pub(crate) unsafe fn from_borrowed(py: Python<'py>, pointer: NonNull<ffi::PyObject>) -> Self {
        // SAFETY: live by this function's requirement, and this thread is attached.
        unsafe { ffi::Py_INCREF(pointer.as_ptr()) };
        // SAFETY: the reference counted just above is ours to give.
        unsafe { Self::from_owned(py, pointer) }
    }

    pub(crate) fn as_ptr(&self) -> *mut ffi::PyObject {
        self.pointer.as_ptr()
    }

    pub(crate) fn as_non_null(&self) -> NonNull<ffi::PyObject> {
        self.pointer
    }

    pub(crate) fn into_ptr(self) -> *mut ffi::PyObject {
        ManuallyDrop::new(self).pointer.as_ptr()
    }

    fn token(&self) -> Python<'py> {
        // SAFETY: an object exists only while its thread is attached: it is made under a token of the same lifetime
        // and can enter neither another thread nor a detached section.
        unsafe { Python::assume_attached() }
    }

    /// Whether this is `None`.
    pub fn is_none(&self) -> bool {
        // SAFETY: `Py_None` has no requirements; only the addresses are compared.
        self.as_ptr() == unsafe { ffi::Py_None() }
    }

    /// Whether both are the same object.
    pub fn is(&self, other: &Object<'py>) -> bool {
        self.pointer == other.pointer
    }

    /// The attribute `name`.
    pub fn attr(&self, name: &CStr) -> PyResult<'py> {
        // SAFETY: attached; a live object and a NUL-terminated name.
        let value = unsafe { ffi::PyObject_GetAttrString(self.as_ptr(), name.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self.token(), value) }
    }

    /// The attribute with a name that is kept as a `str`, which saves making one.
    pub fn attr_by(&self, name: &Object<'py>) -> PyResult<'py> {
        // SAFETY: attached; both are live.
        let value = unsafe { ffi::PyObject_GetAttr(self.as_ptr(), name.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self.token(), value) }
    }

    /// The attribute `name`, or `None` when there is none. Raises nothing in that case, which is what makes it cheap:
    /// looking for a missing `close` by `AttributeError` costs 0.7 µs.
    pub fn optional_attr(&self, name: &Object<'py>) -> PyResult<'py, Option<Object<'py>>> {
        let mut value = std::ptr::null_mut();
        // SAFETY: attached; both are live, `value` is valid for a write.
        let found = unsafe { optional_attribute(self.as_ptr(), name.as_ptr(), &raw mut value) };
        if found < 0 {
            return Err(Error::take(self.token()));
        }
        // SAFETY: a found attribute is a new reference; otherwise it is NULL.
        Ok(NonNull::new(value).map(|pointer| unsafe { Object::from_owned(self.token(), pointer) }))
    }

    /// Sets the attribute `name`.
    pub fn set_attr(&self, name: &CStr, value: &Object<'py>) -> PyResult<'py, ()> {
        // SAFETY: attached; live objects and a NUL-terminated name.
        let status =
            unsafe { ffi::PyObject_SetAttrString(self.as_ptr(), name.as_ptr(), value.as_ptr()) };
        if status < 0 {
            Err(Error::take(self.token()))
        } else {
            Ok(())
        }
    }

    /// `str(self)`.
    pub fn str(&self, py: Python<'py>) -> PyResult<'py, String> {
        // SAFETY: attached; a live object.
        let text = unsafe { ffi::PyObject_Str(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        let text = unsafe { Object::from_call(py, text) }?;
        text.to_text(py)
    }

    /// `repr(self)`.
    pub fn repr(&self, py: Python<'py>) -> PyResult<'py, String> {
        // SAFETY: attached; a live object.
        let text = unsafe { ffi::PyObject_Repr(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        let text = unsafe { Object::from_call(py, text) }?;
        text.to_text(py)
    }

    /// `tp_name` of the type, as CPython's own `TypeError`s show it.
    pub fn type_name(&self) -> String {
        // SAFETY: a live object always has a type.
        let class = unsafe { ffi::Py_TYPE(self.as_ptr()) };
        // SAFETY: `class` lives as long as its instance; `tp_name` is set for every ready type.
        let name = unsafe { (*class).tp_name };
        // SAFETY: `tp_name` is NUL-terminated and lives as long as the type.
        let name = unsafe { CStr::from_ptr(name) };
        name.to_string_lossy().into_owned()
    }

    /// `isinstance(self, class)`.
    pub fn is_instance(&self, class: &Object<'py>) -> PyResult<'py, bool> {
        // SAFETY: attached; both are live.
        match unsafe { ffi::PyObject_IsInstance(self.as_ptr(), class.as_ptr()) } {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::take(self.token())),
        }
    }

    /// Whether the type is exactly `class` (no subclass).
    pub fn is_exactly(&self, class: &Object<'py>) -> bool {
        // SAFETY: a live object always has a type.
        let own = unsafe { ffi::Py_TYPE(self.as_ptr()) };
        std::ptr::eq(own.cast(), class.as_ptr())
    }

    /// `bool(self)`.
    pub fn is_true(&self) -> PyResult<'py, bool> {
        // SAFETY: attached; a live object.
        match unsafe { ffi::PyObject_IsTrue(self.as_ptr()) } {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::take(self.token())),
        }
    }

    /// The value of an `int`, or of what has `__index__`.
    pub fn to_i64(&self) -> PyResult<'py, i64> {
        // SAFETY: attached; a live object.
        let index = unsafe { ffi::PyNumber_Index(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        let index = unsafe { Object::from_call(self.token(), index) }?;
        // SAFETY: attached; a live `int`.
        let value = unsafe { ffi::PyLong_AsLongLong(index.as_ptr()) };
        // SAFETY: attached.
        if value == -1 && !unsafe { ffi::PyErr_Occurred() }.is_null() {
            return Err(Error::take(self.token()));
        }
        Ok(value)
    }

    /// The descriptor behind `fileno()`, or behind the `int` itself (`PyObject_AsFileDescriptor`).
    pub fn file_descriptor(&self) -> PyResult<'py, i32> {
        // SAFETY: attached; a live object.
        let descriptor = unsafe { ffi::PyObject_AsFileDescriptor(self.as_ptr()) };
        if descriptor < 0 {
            Err(Error::take(self.token()))
        } else {
            Ok(descriptor)
        }
    }

    /// A descriptor of our own for the file behind the object: closing the object's does not touch it.
    pub fn duplicate_descriptor(&self) -> PyResult<'py, OwnedFd> {
        let descriptor = self.file_descriptor()?;
        // SAFETY: has no requirements; a number that is no open descriptor gives EBADF.
        let duplicate = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) };
        if duplicate < 0 {
            let text = std::io::Error::last_os_error().to_string();
            return Err(Error::new(self.token(), ErrorKind::Os, &text));
        }
        // SAFETY: just made, and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
    }

    /// `iter(self)`.
    pub fn iter(&self) -> PyResult<'py, Iter<'py>> {
        // SAFETY: attached; a live object.
        let iterator = unsafe { ffi::PyObject_GetIter(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self.token(), iterator) }.map(Iter)
    }
}

impl Clone for Object<'_> {
    fn clone(&self) -> Self {
        // SAFETY: attached (an object exists only then); live.
        unsafe { ffi::Py_INCREF(self.as_ptr()) };
        Object {
            pointer: self.pointer,
            _token: PhantomData,
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        // SAFETY: attached (an object exists only then); we own one reference.
        unsafe { ffi::Py_DECREF(self.as_ptr()) };
    }
}

/// A Python iterator.
pub struct Iter<'py>(Object<'py>);

impl<'py> Iter<'py> {
    /// The next item; `None` at the end.
    pub fn next_item(&mut self) -> PyResult<'py, Option<Object<'py>>> {
        let py = self.0.token();
        // SAFETY: attached; a live iterator.
        let item = unsafe { ffi::PyIter_Next(self.0.as_ptr()) };
        if let Some(item) = NonNull::new(item) {
            // SAFETY: a new reference.
            return Ok(Some(unsafe { Object::from_owned(py, item) }));
        }
        // SAFETY: attached. NULL means the end, or an error when an exception is set.
        if unsafe { ffi::PyErr_Occurred() }.is_null() {
            Ok(None)
        } else {
            Err(Error::take(py))
        }
    }
}

impl<'py> Python<'py> {
    /// `None`.
    pub fn none(self) -> Object<'py> {
        // SAFETY: has no requirements.
        let none = unsafe { ffi::Py_None() };
        // SAFETY: `Py_None` is never NULL.
        let none = unsafe { NonNull::new_unchecked(none) };
        // SAFETY: live for ever.
        unsafe { Object::from_borrowed(self, none) }
    }

    /// `True` or `False`.
    pub fn bool(self, value: bool) -> Object<'py> {
        // SAFETY: attached; never fails.
        let object = unsafe { ffi::PyBool_FromLong(value.into()) };
        // SAFETY: `PyBool_FromLong` never returns NULL.
        let object = unsafe { NonNull::new_unchecked(object) };
        // SAFETY: a new reference.
        unsafe { Object::from_owned(self, object) }
    }

    /// An `int`.
    pub fn int(self, value: i64) -> PyResult<'py> {
        // SAFETY: attached.
        let object = unsafe { ffi::PyLong_FromLongLong(value) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }

    /// A `float`.
    pub fn float(self, value: f64) -> PyResult<'py> {
        // SAFETY: attached.
        let object = unsafe { ffi::PyFloat_FromDouble(value) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }

    /// A capsule without a name around the address, of exposed provenance, of something that is not Python's
    /// (`PyCapsule_New`). Nothing here looks at what is there; extension modules do.
    pub fn capsule(self, address: NonZeroUsize) -> PyResult<'py> {
        let address = std::ptr::with_exposed_provenance_mut(address.get());
        // SAFETY: attached; the address is not NULL; a capsule needs neither a name nor a destructor.
        let capsule = unsafe { ffi::PyCapsule_New(address, std::ptr::null(), None) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, capsule) }
    }

    /// Imports the module `name` and returns it (`PyImport_ImportModule`).
    pub fn import(self, name: &CStr) -> PyResult<'py> {
        // SAFETY: attached; a NUL-terminated name.
        let module = unsafe { ffi::PyImport_ImportModule(name.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, module) }
    }
}

/// `PyObject_GetOptionalAttr`, by the name it has had since 3.7.
#[cfg(not(Py_3_13))]
unsafe fn optional_attribute(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut *mut ffi::PyObject,
) -> std::ffi::c_int {
    unsafe extern "C" {
        fn _PyObject_LookupAttr(
            object: *mut ffi::PyObject,
            name: *mut ffi::PyObject,
            value: *mut *mut ffi::PyObject,
        ) -> std::ffi::c_int;
    }
    // SAFETY: the caller's requirements are this function's: attached, live objects, a writable `value`.
    unsafe { _PyObject_LookupAttr(object, name, value) }
}

#[cfg(Py_3_13)]
use ffi::PyObject_GetOptionalAttr as optional_attribute;
