//! The module's configuration structures: made, merged and found again.

use std::ffi::{c_char, c_void};

use rickhouse_httpd_sys as sys;

use crate::fence::fence;
use crate::pool::Pool;
use crate::record::{Module, Record};

/// What directives say in one place, and how an inner place adds to an outer one.
pub trait Merge: Default + Send + Sync + 'static {
    /// What counts where `inner` is inside of `outer`: main server and virtual host, or enclosing sections.
    ///
    /// For directories httpd calls this for each request, from many threads.
    fn merge(outer: &Self, inner: &Self) -> Self;
}

/// What httpd's vectors point to. Empty when making it has panicked: a half-known configuration (think of a restriction
/// that got lost) must not be used, and so every request that needs it fails.
struct Slot<T>(Option<T>);

/// # Safety
/// `vector` is a vector of httpd of the kind that holds a `T` for the module of `record`, and lives during `'v`.
///
/// # Panics
/// When the configuration could not be made.
pub(crate) unsafe fn get<'v, T>(
    vector: *const sys::ap_conf_vector_t,
    record: &'static Record,
) -> &'v T {
    // SAFETY: the caller vouches for the vector; the record has been registered, or there would be no vector.
    let slot = unsafe { sys::ap_get_module_config(vector, record.as_ptr()) };
    // SAFETY: this module's entries are made by `create` and `merge` below. They are only written to while directives
    // are read, in `get_mut`.
    let slot = unsafe { slot.cast::<Slot<T>>().as_ref() };
    let slot = slot.and_then(|slot| slot.0.as_ref());
    slot.expect("the configuration was made without a panic")
}

/// # Safety
/// `slot` was made by this module for a `T`, lives during `'v`, and nobody else uses it meanwhile.
pub(crate) unsafe fn get_mut<'v, T>(slot: *mut c_void) -> Option<&'v mut T> {
    // SAFETY: the caller vouches for all that.
    let slot = unsafe { slot.cast::<Slot<T>>().as_mut() }?;
    slot.0.as_mut()
}

pub(crate) unsafe extern "C" fn create_server<M: Module>(
    pool: *mut sys::apr_pool_t,
    _: *mut sys::server_rec,
) -> *mut c_void {
    // SAFETY: httpd passes the pool that the configuration is to live in.
    unsafe { create::<M::ServerConfig>(pool) }
}

pub(crate) unsafe extern "C" fn create_dir<M: Module>(
    pool: *mut sys::apr_pool_t,
    _: *mut c_char,
) -> *mut c_void {
    // SAFETY: httpd passes the pool that the configuration is to live in.
    unsafe { create::<M::DirConfig>(pool) }
}

pub(crate) unsafe extern "C" fn merge_server<M: Module>(
    pool: *mut sys::apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    // SAFETY: httpd passes two structures that `create_server` or this function made.
    unsafe { merge::<M::ServerConfig>(pool, outer, inner) }
}

pub(crate) unsafe extern "C" fn merge_dir<M: Module>(
    pool: *mut sys::apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    // SAFETY: httpd passes two structures that `create_dir` or this function made.
    unsafe { merge::<M::DirConfig>(pool, outer, inner) }
}

/// # Safety
/// `pool` is a live pool of this thread.
unsafe fn create<T: Merge>(pool: *mut sys::apr_pool_t) -> *mut c_void {
    let made = fence("configuration", None, || Some(T::default()));
    // SAFETY: the caller vouches for the pool.
    unsafe { Pool::from_raw(pool) }
        .keep(Slot(made))
        .as_ptr()
        .cast()
}

/// # Safety
/// `pool` is a live pool of this thread, `outer` and `inner` were made by [`create`] or this function for the same `T`.
unsafe fn merge<T: Merge>(
    pool: *mut sys::apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    let outer = unsafe { outer.cast::<Slot<T>>().as_ref() };
    // SAFETY: as above.
    let inner = unsafe { inner.cast::<Slot<T>>().as_ref() };
    let merged = fence("configuration", None, || {
        Some(T::merge(outer?.0.as_ref()?, inner?.0.as_ref()?))
    });
    // SAFETY: the caller vouches for the pool.
    unsafe { Pool::from_raw(pool) }
        .keep(Slot(merged))
        .as_ptr()
        .cast()
}
