//! A `bytes` that is written where it will stay.

use std::ffi::c_int;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::{Error, PyResult};
use crate::object::Object;
use crate::token::Python;

/// A `bytes` in the making. Until it is finished nobody else knows of it: only then do its contents stay the same for
/// good. Large data is read straight into it, so that it is never in memory twice.
///
/// Memory that is not written yet is only promised by the system, not used: room may be asked for generously.
pub struct BytesBuffer<'py> {
    object: Object<'py>,
    room: usize,
    /// So many bytes from the first on were written once, if only with zeros.
    initialised: usize,
    length: usize,
}

impl<'py> BytesBuffer<'py> {
    /// An empty buffer for `room` bytes, at least one: CPython has a single empty `bytes`, which is everybody's.
    ///
    /// # Errors
    /// `MemoryError`; `OverflowError` for more than any object can have.
    pub fn with_room(py: Python<'py>, room: usize) -> PyResult<'py, Self> {
        let room = room.max(1);
        let size = ffi::Py_ssize_t::try_from(room).unwrap_or(ffi::Py_ssize_t::MAX);
        // SAFETY: attached; NULL leaves the contents uninitialised.
        let object = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), size) };
        // SAFETY: a new reference, or NULL with an exception. With NULL for the contents it is an object of its own.
        let object = unsafe { Object::from_call(py, object) }?;
        Ok(BytesBuffer {
            object,
            room,
            initialised: 0,
            length: 0,
        })
    }

    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// For how many more bytes there is room.
    pub fn room_left(&self) -> usize {
        self.room - self.length
    }

    /// The place for the next bytes, at most `most`; [`advance`](Self::advance) says how many were put there. A detached
    /// thread may write them.
    pub fn spare(&mut self, most: usize) -> &mut [u8] {
        let end = self.length + most.min(self.room_left());
        // SAFETY: attached; a live `bytes`.
        let data: *mut u8 = unsafe { ffi::PyBytes_AsString(self.object.as_ptr()) }.cast();
        if end > self.initialised {
            // SAFETY: `initialised` is not beyond `room`, the size of the object.
            let fresh = unsafe { data.add(self.initialised) };
            // SAFETY: up to `end`, which is not beyond `room`, the memory is the object's; nobody reads it yet.
            unsafe { fresh.write_bytes(0, end - self.initialised) };
            self.initialised = end;
        }
        // SAFETY: `length` is not beyond `room`.
        let begin = unsafe { data.add(self.length) };
        // SAFETY: initialised up to `end`. Only this buffer refers to the object, and it is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(begin, end - self.length) }
    }

    /// The first `count` bytes of [`spare`](Self::spare) belong to the contents now.
    ///
    /// # Panics
    /// When that many were not asked for.
    pub fn advance(&mut self, count: usize) {
        assert!(self.length + count <= self.initialised, "asked for before");
        self.length += count;
    }

    /// Appends bytes for which there is room.
    ///
    /// # Panics
    /// When there is none.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.spare(bytes.len()).copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Makes room for `more` bytes. The contents are lost when that fails.
    ///
    /// # Errors
    /// `MemoryError`, `OverflowError`.
    pub fn grow(self, py: Python<'py>, more: usize) -> PyResult<'py, Self> {
        let room = self.length.saturating_add(more).max(1);
        Ok(BytesBuffer {
            initialised: self.initialised.min(room),
            length: self.length,
            object: resized(py, self.object, room)?,
            room,
        })
    }

    /// The `bytes`, with the contents and nothing else.
    ///
    /// # Errors
    /// `MemoryError`
    pub fn finish(self, py: Python<'py>) -> PyResult<'py> {
        resized(py, self.object, self.length)
    }
}

/// The `bytes`, which nobody else refers to, with another size; in place where the allocator can.
fn resized<'py>(py: Python<'py>, object: Object<'py>, size: usize) -> PyResult<'py> {
    // As CPython's own readers do; pyo3-ffi keeps it to itself.
    unsafe extern "C" {
        fn _PyBytes_Resize(bytes: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> c_int;
    }
    let size = ffi::Py_ssize_t::try_from(size).unwrap_or(ffi::Py_ssize_t::MAX);
    let mut pointer = object.into_ptr();
    // SAFETY: attached; the only reference to a `bytes` that was never hashed or shown to anybody. The reference is handed
    // over, and comes back in place unless the call fails: then it is given up, and NULL comes back.
    let status = unsafe { _PyBytes_Resize(&raw mut pointer, size) };
    match NonNull::new(pointer).filter(|_| status == 0) {
        // SAFETY: the reference that came back.
        Some(pointer) => Ok(unsafe { Object::from_owned(py, pointer) }),
        None => Err(Error::take(py)),
    }
}
