//! Lists and tuples.

use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::PyResult;
use crate::object::Object;
use crate::token::Python;

impl<'py> Python<'py> {
    /// A `tuple` of the items.
    pub fn tuple(self, items: &[&Object<'py>]) -> PyResult<'py> {
        // SAFETY: attached.
        let tuple = unsafe { ffi::PyTuple_New(items.len() as ffi::Py_ssize_t) };
        // SAFETY: a new reference, or NULL with an exception.
        let tuple = unsafe { Object::from_call(self, tuple) }?;
        for (index, item) in items.iter().enumerate() {
            let item = (*item).clone().into_ptr();
            // SAFETY: the tuple is new and ours alone; `index` is in range; the call takes over the reference.
            unsafe { ffi::PyTuple_SetItem(tuple.as_ptr(), index as ffi::Py_ssize_t, item) };
        }
        Ok(tuple)
    }

    /// A `list` of the items.
    pub fn list(self, items: &[Object<'py>]) -> PyResult<'py> {
        // SAFETY: attached.
        let list = unsafe { ffi::PyList_New(items.len() as ffi::Py_ssize_t) };
        // SAFETY: a new reference, or NULL with an exception.
        let list = unsafe { Object::from_call(self, list) }?;
        for (index, item) in items.iter().enumerate() {
            let item = item.clone().into_ptr();
            // SAFETY: the list is new and ours alone; `index` is in range; the call takes over the reference.
            unsafe { ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, item) };
        }
        Ok(list)
    }
}

impl<'py> Object<'py> {
    /// Whether this is a `list` or a subclass.
    pub fn is_list(&self) -> bool {
        // SAFETY: attached; a live object.
        unsafe { ffi::PyList_Check(self.as_ptr()) != 0 }
    }

    /// Whether this is a `tuple` or a subclass.
    pub fn is_tuple(&self) -> bool {
        // SAFETY: attached; a live object.
        unsafe { ffi::PyTuple_Check(self.as_ptr()) != 0 }
    }

    /// Whether this is exactly a `list` or a `tuple`: iterating it runs no code of the application.
    pub fn is_plain_sequence(&self) -> bool {
        // SAFETY: attached; a live object.
        let list = unsafe { ffi::PyList_CheckExact(self.as_ptr()) };
        // SAFETY: as above.
        list != 0 || unsafe { ffi::PyTuple_CheckExact(self.as_ptr()) } != 0
    }

    /// The number of items of a `list` or `tuple`; 0 for anything else.
    pub fn sequence_len(&self) -> usize {
        let size = if self.is_list() {
            // SAFETY: attached; a live `list`.
            unsafe { ffi::PyList_Size(self.as_ptr()) }
        } else if self.is_tuple() {
            // SAFETY: attached; a live `tuple`.
            unsafe { ffi::PyTuple_Size(self.as_ptr()) }
        } else {
            0
        };
        usize::try_from(size).unwrap_or(0)
    }

    /// An item of a `list` or `tuple`; `None` past the end (a list can shrink while it is read).
    pub fn sequence_item(&self, py: Python<'py>, index: usize) -> Option<Object<'py>> {
        let position = ffi::Py_ssize_t::try_from(index).ok()?;
        if self.is_tuple() {
            if index >= self.sequence_len() {
                return None;
            }
            // SAFETY: attached; a live tuple and an index in range: a borrowed reference.
            let item = NonNull::new(unsafe { ffi::PyTuple_GetItem(self.as_ptr(), position) })?;
            // SAFETY: the tuple keeps the item alive, and tuples do not change.
            return Some(unsafe { Object::from_borrowed(py, item) });
        }
        list_item(py, self, position)
    }
}

#[cfg(Py_3_13)]
fn list_item<'py>(
    py: Python<'py>,
    list: &Object<'py>,
    position: ffi::Py_ssize_t,
) -> Option<Object<'py>> {
    if !list.is_list() {
        return None;
    }
    // SAFETY: attached; a live list. A new reference, or NULL with IndexError.
    let item = unsafe { ffi::PyList_GetItemRef(list.as_ptr(), position) };
    // SAFETY: as the call promises.
    unsafe { Object::from_call(py, item) }.ok()
}

#[cfg(not(Py_3_13))]
fn list_item<'py>(
    py: Python<'py>,
    list: &Object<'py>,
    position: ffi::Py_ssize_t,
) -> Option<Object<'py>> {
    if usize::try_from(position).ok()? >= list.sequence_len() || !list.is_list() {
        return None;
    }
    // SAFETY: attached; a live list, an index in range; no other thread runs under the same GIL meanwhile.
    let item = NonNull::new(unsafe { ffi::PyList_GetItem(list.as_ptr(), position) })?;
    // SAFETY: the list still holds the item: nothing ran since it was read.
    Some(unsafe { Object::from_borrowed(py, item) })
}
