//! What `mod_ssl` offers other modules, if it is loaded.

use std::ffi::{CStr, c_char, c_int};
use std::mem;

use rickhouse_httpd_sys as sys;

use crate::connection::Connection;
use crate::request::Request;
use crate::text::bytes;

type IsHttps = unsafe extern "C" fn(*mut sys::conn_rec) -> c_int;
type Lookup = unsafe extern "C" fn(
    *mut sys::apr_pool_t,
    *mut sys::server_rec,
    *mut sys::conn_rec,
    *mut sys::request_rec,
    *mut c_char,
) -> *mut c_char;

impl Connection<'_> {
    /// `ssl_is_https`: whether the client speaks TLS to us. False without `mod_ssl`.
    pub fn is_https(self) -> bool {
        let Some(function) = optional(c"ssl_is_https") else {
            return false;
        };
        // SAFETY: mod_ssl registers a function of this type by this name.
        let function = unsafe { mem::transmute::<OptionalFunction, IsHttps>(function) };
        // SAFETY: the connection lives.
        unsafe { function(self.as_ptr()) != 0 }
    }
}

impl Request<'_> {
    /// `ssl_var_lookup`: a variable as `mod_ssl` names it. Nothing without `mod_ssl`, and for an empty value.
    pub fn tls_variable(&self, name: &CStr) -> Option<&[u8]> {
        let function = optional(c"ssl_var_lookup")?;
        // SAFETY: mod_ssl registers a function of this type by this name.
        let function = unsafe { mem::transmute::<OptionalFunction, Lookup>(function) };
        let record = self.record();
        let (pool, server, connection) = (record.pool, record.server, record.connection);
        // SAFETY: all of them belong to the request; the name is only read.
        let value = unsafe {
            function(
                pool,
                server,
                connection,
                self.as_ptr(),
                name.as_ptr().cast_mut(),
            )
        };
        // SAFETY: the value is static or in the request's pool.
        unsafe { bytes(value) }.filter(|value| !value.is_empty())
    }
}

type OptionalFunction = unsafe extern "C" fn();

/// `APR_RETRIEVE_OPTIONAL_FN`. Asked each time: a look into a small table, and no function pointer outlives its module.
fn optional(name: &CStr) -> Option<OptionalFunction> {
    // SAFETY: the name lives; the table is written while the configuration is read only.
    unsafe { sys::apr_dynamic_fn_retrieve(name.as_ptr()) }
}
