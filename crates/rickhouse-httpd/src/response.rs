//! The response of a request: `ap_pass_brigade` to its output filters.

use std::ffi::c_int;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::outcome::Outcome;
use crate::request::Request;
use crate::status::Status;
use crate::text::HasNul;

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// Let the kernel send it (`EnableSendfile`), where no filter wants to see it.
    pub sendfile: bool,
    /// Map it where a filter wants to see it (`EnableMMAP`). A file that is cut short meanwhile ends the process.
    pub mmap: bool,
}

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

    /// `ap_set_content_type` with nothing: takes away the type that httpd guessed from the name of the file.
    pub fn clear_content_type(&mut self) {
        // SAFETY: the request lives; httpd takes null for "no type".
        unsafe { sys::ap_set_content_type(self.as_ptr(), std::ptr::null()) };
    }

    /// `ap_set_content_length`: the header `Content-Length`.
    pub fn set_content_length(&mut self, length: u64) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        // SAFETY: the request lives.
        unsafe { sys::ap_set_content_length(self.as_ptr(), length) };
    }

    /// Sends a part of the body and does not return before the client's socket or a filter has taken it: one transient
    /// bucket and a flush. The first part sends the headers. Nothing but a flush when `part` is empty.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send(&mut self, part: &[u8]) -> io::Result<()> {
        self.send_parts(&[part])
    }

    /// As [`send`](Self::send), several parts in one pass through the filters.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send_parts(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.pass_borrowed(parts, Self::append_flush)
    }

    /// Sends the last part of the body and ends it, in one pass through the filters. A response that is all in here gets
    /// its `Content-Length` from httpd.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send_last(&mut self, part: &[u8]) -> io::Result<()> {
        self.pass_borrowed(&[part], Self::append_end)
    }

    /// Passes parts, and what `append` puts behind them.
    fn pass_borrowed(&mut self, parts: &[&[u8]], append: fn(&mut Self)) -> io::Result<()> {
        let allocator = self.bucket_allocator();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let (bytes, length) = (part.as_ptr().cast(), part.len());
            // SAFETY: the bytes live until `pass` below returns; a filter that keeps the bucket longer sets it aside,
            // which copies them.
            let data = unsafe { sys::apr_bucket_transient_create(bytes, length, allocator) };
            self.append(data);
        }
        append(self);
        self.pass()
    }

    /// Hands over a copy of a part of the body; httpd sends it when it has enough, or by [`flush`](Self::flush).
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send_copied(&mut self, part: &[u8]) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let allocator = self.bucket_allocator();
        // SAFETY: without a function that frees the bytes, APR copies them.
        let data = unsafe {
            sys::apr_bucket_heap_create(part.as_ptr().cast(), part.len(), None, allocator)
        };
        self.append(data);
        self.pass()
    }

    /// Makes httpd and all filters send what they hold back, the headers at least.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.append_flush();
        self.pass()
    }

    /// Hands over a part of a file as body. The descriptor is closed with the request, which may be after the handler
    /// has returned.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn send_file(
        &mut self,
        file: OwnedFd,
        offset: u64,
        length: u64,
        options: FileOptions,
    ) -> io::Result<()> {
        self.append_file(file, offset, length, options)?;
        self.pass()
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn end(&mut self) -> io::Result<()> {
        self.append_end();
        self.pass()
    }

    /// Makes the connection send what it holds of a response that has been ended. Without it httpd sends the end when it
    /// has read what is left of the request's body, for which it waits.
    ///
    /// # Errors
    /// When the client is gone or a filter fails.
    pub fn flush_ended(&mut self) -> io::Result<()> {
        self.append_flush();
        // SAFETY: the connection lives. The request's own filters are done: they have seen the end.
        let filters = unsafe { (*self.connection().as_ptr()).output_filters };
        self.pass_to(filters)
    }

    /// Ends the body where there should be more, so that the client can tell: no last chunk, and the connection is
    /// closed. Before the headers have been sent it makes an error response of status 502.
    ///
    /// # Errors
    /// When the client is gone or a filter fails; a filter that has made an error response says
    /// [`Status::is_answered`].
    pub fn end_truncated(&mut self) -> io::Result<()> {
        self.append_truncation();
        self.pass()
    }

    /// `ap_internal_redirect_handler`: answers with another URI of this server, as a new request. With `as_get` that
    /// request is a `GET` without a body, and what the client still sends of this one's is read first.
    ///
    /// # Errors
    /// When the URI has a NUL.
    pub fn redirect_internally(&mut self, uri: &[u8], as_get: bool) -> Result<(), HasNul> {
        let uri = self.pool().copy(uri)?;
        if as_get {
            self.drop_body();
            if self.record().eos_sent != 0 {
                // A filter has met a malformed body by answering the client: there is nothing left to redirect.
                return Ok(());
            }
            let record = self.record_mut();
            record.method = c"GET".as_ptr();
            record.method_number = sys::M_GET as c_int;
            self.headers_in().unset(b"Content-Length");
            self.headers_in().unset(b"Transfer-Encoding");
        }
        // SAFETY: URI and request live. It runs other modules' hooks, and this one's, on the new request; this one is
        // borrowed by nobody meanwhile.
        unsafe { sys::ap_internal_redirect_handler(uri, self.as_ptr()) };
        Ok(())
    }

    /// `ap_send_http_options`: answers `OPTIONS` by the allowed methods.
    pub fn send_options(&mut self) -> Outcome {
        // SAFETY: the request lives.
        Outcome::from_code(unsafe { sys::ap_send_http_options(self.as_ptr()) })
    }

    /// Whether the headers are on their way already: status and headers can no longer be changed, and an error can only
    /// be shown by [`end_truncated`](Self::end_truncated). That the end was handed over (`eos_sent`) says nothing: a
    /// filter may have refused it.
    pub fn has_begun(&self) -> bool {
        self.record().sent_bodyct != 0
    }

    pub(crate) fn append_file(
        &mut self,
        file: OwnedFd,
        offset: u64,
        length: u64,
        options: FileOptions,
    ) -> io::Result<()> {
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let offset = i64::try_from(offset).map_err(invalid)?;
        let length = i64::try_from(length).map_err(invalid)?;
        let pool = self.pool().as_ptr();
        let mut descriptor: RawFd = file.into_raw_fd();
        // `apr_os_file_put` makes a file that APR never closes. APR may move it to another pool, so the descriptor is
        // what is kept and closed.
        self.pool().keep(Descriptor(descriptor));
        let sendfile = if options.sendfile {
            sys::APR_FOPEN_SENDFILE_ENABLED
        } else {
            0
        };
        let flags = (sys::APR_FOPEN_READ | sendfile) as c_int;
        let mut handle = ptr::null_mut();
        // SAFETY: the pool lives, and the descriptor as long as the pool.
        Status::check(unsafe {
            sys::apr_os_file_put(&raw mut handle, &raw mut descriptor, flags, pool)
        })?;
        let brigade = self.output_brigade();
        // SAFETY: brigade, file and pool live.
        let bucket = unsafe { sys::apr_brigade_insert_file(brigade, handle, offset, length, pool) };
        if !options.mmap {
            // SAFETY: it is the file bucket that has just been made.
            Status::check(unsafe { sys::apr_bucket_file_enable_mmap(bucket, 0) })?;
        }
        Ok(())
    }

    /// See [`Request::end_truncated`].
    pub(crate) fn append_truncation(&mut self) {
        let (pool, allocator) = (self.pool().as_ptr(), self.bucket_allocator());
        let status = sys::HTTP_BAD_GATEWAY as c_int;
        // SAFETY: pool and allocator live. Of all statuses, httpd's chunk filter takes this one for "no last chunk".
        let error = unsafe { sys::ap_bucket_error_create(status, ptr::null(), pool, allocator) };
        self.append(error);
        self.append_end();
        self.connection().close_afterwards();
        self.record_mut().no_cache = 1;
    }

    pub(crate) fn bucket_allocator(&self) -> *mut sys::apr_bucket_alloc_t {
        // SAFETY: the connection lives, and its allocator as long.
        unsafe { (*self.connection().as_ptr()).bucket_alloc }
    }

    pub(crate) fn append_flush(&mut self) {
        // SAFETY: the allocator lives.
        let flush = unsafe { sys::apr_bucket_flush_create(self.bucket_allocator()) };
        self.append(flush);
    }

    pub(crate) fn append_end(&mut self) {
        // SAFETY: the allocator lives.
        let end = unsafe { sys::apr_bucket_eos_create(self.bucket_allocator()) };
        self.append(end);
    }

    /// Appends a bucket that is in no brigade yet.
    pub(crate) fn append(&mut self, bucket: *mut sys::apr_bucket) {
        let brigade = self.output_brigade();
        // SAFETY: the brigade is this request's; the callers have just made the bucket.
        unsafe { sys::APR_BRIGADE_INSERT_TAIL(brigade, bucket) };
    }

    /// Passes what has been appended to the filters.
    pub(crate) fn pass(&mut self) -> io::Result<()> {
        self.pass_to(self.record().output_filters)
    }

    fn pass_to(&mut self, filters: *mut sys::ap_filter_t) -> io::Result<()> {
        let brigade = self.output_brigade();
        // SAFETY: the filters are the request's or its connection's, the brigade is ours to lend.
        let status = unsafe { sys::ap_pass_brigade(filters, brigade) };
        // SAFETY: filters may leave something behind, of which nobody has a pointer.
        unsafe { sys::apr_brigade_cleanup(brigade.cast()) };
        Status::check(status)?;
        if self.connection().is_aborted() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// A descriptor that buckets know the number of.
struct Descriptor(RawFd);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: `send_file` took the descriptor from its owner, and this is the only one to close it. The request's
        // buckets, which know its number, go away before the request's pool.
        drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(self.0) });
    }
}
