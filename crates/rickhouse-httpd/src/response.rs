//! The response of a request: `ap_pass_brigade` to its output filters.

use std::io;

use rickhouse_httpd_sys as sys;

use crate::request::Request;
use crate::status::Status;
use crate::text::HasNul;

impl Request<'_> {
    /// `ap_set_content_type`, which also chooses filters by type.
    ///
    /// # Errors
    /// When the type has a NUL.
    pub fn set_content_type(&mut self, content_type: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(content_type)?;
        // SAFETY: the request lives; httpd keeps the text, which lives as long.
        unsafe { sys::ap_set_content_type(self.as_ptr(), copy) };
        Ok(())
    }

    /// Sends a part of the body and does not return before the client's socket or a filter has taken it: one transient
    /// bucket and a flush. The first part sends the headers.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send(&mut self, part: &[u8]) -> io::Result<()> {
        let allocator = self.bucket_allocator();
        // SAFETY: request and allocator live.
        let brigade = unsafe { sys::apr_brigade_create(self.record().pool, allocator) };
        if !part.is_empty() {
            // SAFETY: the bytes live until this function returns; whoever keeps the bucket longer sets it aside,
            // which copies them.
            let data = unsafe {
                sys::apr_bucket_transient_create(part.as_ptr().cast(), part.len(), allocator)
            };
            // SAFETY: both are fresh.
            unsafe { sys::APR_BRIGADE_INSERT_TAIL(brigade, data) };
        }
        // SAFETY: the allocator lives.
        let flush = unsafe { sys::apr_bucket_flush_create(allocator) };
        // SAFETY: both are fresh.
        unsafe { sys::APR_BRIGADE_INSERT_TAIL(brigade, flush) };
        // SAFETY: the filters are the request's, the brigade is ours to give.
        let status = unsafe { sys::ap_pass_brigade(self.record().output_filters, brigade) };
        // SAFETY: filters leave an empty or half-empty brigade behind.
        unsafe { sys::apr_brigade_destroy(brigade) };
        Status::check(status)?;
        if self.connection().is_aborted() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn bucket_allocator(&self) -> *mut sys::apr_bucket_alloc_t {
        // SAFETY: the connection lives, and its allocator as long.
        unsafe { (*self.connection().as_ptr()).bucket_alloc }
    }
}
