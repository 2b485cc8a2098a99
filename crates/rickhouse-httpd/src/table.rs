//! `apr_table_t`: headers, environment and notes of a request.

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::ptr::NonNull;

use rickhouse_httpd_sys as sys;

use crate::pool::Pool;
use crate::text::{HasNul, bytes};

/// A table whose entries live at least as long as `'t`. Keys are compared without case.
///
/// Entries are copied into the table's pool, and an entry that is replaced stays in memory until that pool goes away:
/// so what [`get`](Table::get) returns outlives a [`set`](Table::set).
#[derive(Clone, Copy)]
pub struct Table<'t> {
    table: NonNull<sys::apr_table_t>,
    life: PhantomData<&'t sys::apr_table_t>,
}

impl<'t> Table<'t> {
    /// # Safety
    /// `table` and its entries live during `'t` and are used by this thread alone.
    ///
    /// # Panics
    /// When `table` is null.
    pub(crate) unsafe fn from_raw(table: *mut sys::apr_table_t) -> Self {
        let table =
            NonNull::new(table).expect("httpd makes a request's tables before any hook runs");
        Self {
            table,
            life: PhantomData,
        }
    }

    /// An empty table with room for `room` entries.
    pub fn new(pool: Pool<'t>, room: u16) -> Self {
        // SAFETY: the pool lives during 't.
        let table = unsafe { sys::apr_table_make(pool.as_ptr(), i32::from(room)) };
        // SAFETY: APR has made it in that pool.
        unsafe { Self::from_raw(table) }
    }

    /// The first value of `key`; nothing for a key with a NUL.
    pub fn get(self, key: &[u8]) -> Option<&'t [u8]> {
        let key = CString::new(key).ok()?;
        // SAFETY: table and key live; APR does not keep the key.
        let value = unsafe { sys::apr_table_get(self.table.as_ptr(), key.as_ptr()) };
        // SAFETY: values live as long as the table's pool, and nobody changes them in place.
        unsafe { bytes(value) }
    }

    /// Replaces all values of `key`.
    ///
    /// # Errors
    /// When key or value have a NUL.
    pub fn set(self, key: &[u8], value: &[u8]) -> Result<(), HasNul> {
        self.put(sys::apr_table_set, key, value)
    }

    /// Adds a value to those that `key` has.
    ///
    /// # Errors
    /// When key or value have a NUL.
    pub fn add(self, key: &[u8], value: &[u8]) -> Result<(), HasNul> {
        self.put(sys::apr_table_add, key, value)
    }

    /// Joins a value with the one that `key` has, by a comma and a space.
    ///
    /// # Errors
    /// When key or value have a NUL.
    pub fn merge(self, key: &[u8], value: &[u8]) -> Result<(), HasNul> {
        match self.get(key) {
            Some(before) => self.set(key, &[before, b", ", value].concat()),
            None => self.set(key, value),
        }
    }

    /// Removes all values of `key`.
    pub fn unset(self, key: &[u8]) {
        if let Ok(key) = CString::new(key) {
            // SAFETY: table and key live; APR does not keep the key.
            unsafe { sys::apr_table_unset(self.table.as_ptr(), key.as_ptr()) };
        }
    }

    /// Removes everything.
    pub fn clear(self) {
        // SAFETY: the table lives.
        unsafe { sys::apr_table_clear(self.table.as_ptr()) };
    }

    /// How many entries there are.
    pub fn len(self) -> usize {
        self.entries().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The entries in order, as they are now: what is changed meanwhile is not seen.
    pub fn iter(self) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
        // An addition may move APR's array away under an iterator, therefore the pairs are copied.
        let entries: Vec<(*const c_char, *const c_char)> = self
            .entries()
            .iter()
            .map(|entry| (entry.key.cast_const(), entry.val.cast_const()))
            .collect();
        entries.into_iter().filter_map(|(key, value)| {
            // SAFETY: keys live as long as the table's pool and do not change in place.
            let key = unsafe { bytes(key) }?;
            // SAFETY: as above.
            let value = unsafe { bytes(value) }?;
            Some((key, value))
        })
    }

    /// As [`iter`](Table::iter), and those without a value, too: `SetEnv NAME`, if httpd's module left it so.
    pub fn iter_optional(self) -> impl Iterator<Item = (&'t [u8], Option<&'t [u8]>)> {
        let entries: Vec<(*const c_char, *const c_char)> = self
            .entries()
            .iter()
            .map(|entry| (entry.key.cast_const(), entry.val.cast_const()))
            .collect();
        entries.into_iter().filter_map(|(key, value)| {
            // SAFETY: keys live as long as the table's pool and do not change in place.
            let key = unsafe { bytes(key) }?;
            // SAFETY: as above.
            Some((key, unsafe { bytes(value) }))
        })
    }

    fn entries(&self) -> &[sys::apr_table_entry_t] {
        // SAFETY: the table lives.
        let array = unsafe { sys::apr_table_elts(self.table.as_ptr()) };
        // SAFETY: it is the table's own array.
        let array = unsafe { &*array };
        let length = usize::try_from(array.nelts).unwrap_or_default();
        if length == 0 || array.elts.is_null() {
            return &[];
        }
        // SAFETY: the array has `nelts` entries of this type, and nobody adds any while this function's callers look.
        unsafe { std::slice::from_raw_parts(array.elts.cast(), length) }
    }

    fn put(
        self,
        function: unsafe extern "C" fn(*mut sys::apr_table_t, *const c_char, *const c_char),
        key: &[u8],
        value: &[u8],
    ) -> Result<(), HasNul> {
        let key = CString::new(key).map_err(|_| HasNul)?;
        let value = CString::new(value).map_err(|_| HasNul)?;
        // SAFETY: the table lives; APR copies key and value.
        unsafe { function(self.table.as_ptr(), key.as_ptr(), value.as_ptr()) };
        Ok(())
    }
}
