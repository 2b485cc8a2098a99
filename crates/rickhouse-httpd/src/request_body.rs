//! The body of a request: `ap_get_brigade` from its input filters.

use std::ffi::c_int;
use std::{io, ptr};

use rickhouse_httpd_sys as sys;

use crate::outcome::Outcome;
use crate::request::Request;
use crate::status::Status;

impl Request<'_> {
    /// Reads some bytes of the body, waiting for the client; 0 is the end of the body. The first read of a body that the
    /// client announced by `Expect: 100-continue` asks for it.
    ///
    /// # Errors
    /// When the client is gone, too slow (`TimedOut`), or sends something that is no body. [`Status::of`] gives httpd's
    /// number, and from that the answer to the client.
    pub fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_body_or_end(buffer).map(|(read, _)| read)
    }

    /// As [`Request::read_body`], and whether the body ends with these bytes. Filters that change its size make that the
    /// only way to know; httpd says it together with the last bytes of a body of a declared length.
    ///
    /// # Errors
    /// As [`Request::read_body`].
    pub fn read_body_or_end(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        loop {
            match self.read_once(buffer, sys::APR_BLOCK_READ)? {
                // Filters may return nothing, or only what is no data, before there is some.
                (0, false) => {}
                read => return Ok(read),
            }
        }
    }

    /// Whether the client waits for a `100 Continue` before it sends its body (`expecting_100`).
    pub fn expects_continue(&self) -> bool {
        self.record().expecting_100 != 0
    }

    /// `ap_send_interim_response`: asks a client for its body that waits for it; nothing for any other. No part of the
    /// response may have been sent. A client that has left is noticed by whoever reads or writes next.
    ///
    /// A read that waits for the client does the same by itself. This is for those that do not wait.
    pub fn send_continue(&mut self) {
        if !self.expects_continue() || self.has_begun() {
            return;
        }
        let record = self.record_mut();
        let kept = (record.status, record.status_line);
        (record.status, record.status_line) = (sys::HTTP_CONTINUE as c_int, ptr::null());
        // SAFETY: the request lives. Without headers, only its status is sent; the client no longer expects it then.
        unsafe { sys::ap_send_interim_response(self.as_ptr(), 0) };
        let record = self.record_mut();
        (record.status, record.status_line) = kept;
    }

    /// One turn of the input filters: how many bytes came, and whether the end of the body did.
    pub(crate) fn read_once(
        &mut self,
        buffer: &mut [u8],
        block: sys::apr_read_type_e,
    ) -> io::Result<(usize, bool)> {
        let brigade = self.input_brigade();
        let read = self.fill(brigade, buffer, block);
        // SAFETY: the brigade is this request's.
        let has_ended = unsafe { has_end(brigade) };
        // SAFETY: as above; nobody has a pointer into it.
        unsafe { sys::apr_brigade_cleanup(brigade.cast()) };
        Ok((read?, has_ended))
    }

    /// `ap_discard_request_body`: reads what the client still sends, so that its next request is found.
    pub fn discard_body(&mut self) -> Outcome {
        // SAFETY: the request lives.
        Outcome::from_code(unsafe { sys::ap_discard_request_body(self.as_ptr()) })
    }

    /// Sees to it that nothing of the body can be taken for the client's next request, which is to be done while the
    /// headers still tell where the body ends: it is read to its end, or the connection ends with this request.
    pub(crate) fn drop_body(&mut self) {
        // A client that waits for leave to send its body must not be given it now.
        let is_held_back = self.record().expecting_100 != 0;
        self.record_mut().expecting_100 = 0;
        if is_held_back || self.discard_body() != Outcome::Ok {
            self.connection().close_afterwards();
        }
    }

    /// `ap_get_limit_req_body`: the most bytes of a body, by `LimitRequestBody`; nothing where there is no limit.
    pub fn body_limit(&self) -> Option<u64> {
        // SAFETY: the request lives.
        let limit = unsafe { sys::ap_get_limit_req_body(self.as_ptr()) };
        u64::try_from(limit).ok().filter(|limit| *limit > 0)
    }

    /// One turn of the input filters, copied to `buffer`.
    fn fill(
        &mut self,
        brigade: *mut sys::apr_bucket_brigade,
        buffer: &mut [u8],
        block: sys::apr_read_type_e,
    ) -> io::Result<usize> {
        let (filters, most) = (self.record().input_filters, buffer.len());
        let had_ended = self.record().eos_sent != 0;
        // A filter counts in signed numbers.
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        // SAFETY: the filters are the request's, the brigade is empty and ours.
        let status =
            unsafe { sys::ap_get_brigade(filters, brigade, sys::AP_MODE_READBYTES, block, wanted) };
        Status::check(status)?;
        if self.record().eos_sent != 0 && !had_ended {
            // httpd's own filter meets a malformed chunk by ending the response, in our place, with an error; when the
            // response has begun it then claims success, and the malformed line is in the brigade.
            return Err(Status::ANSWERED.into());
        }
        let mut there = 0;
        // SAFETY: the brigade is ours.
        Status::check(unsafe { sys::apr_brigade_length(brigade, 1, &raw mut there) })?;
        if there > wanted {
            // It would be lost: a filter must not return more than it was asked for.
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an input filter returns more than it was asked for",
            ));
        }
        let mut length = most;
        let target = buffer.as_mut_ptr().cast();
        // SAFETY: the brigade is ours; APR writes at most `length` bytes.
        Status::check(unsafe { sys::apr_brigade_flatten(brigade, target, &raw mut length) })?;
        Ok(length)
    }
}

/// Whether the end of the body is in the brigade.
///
/// # Safety
/// `brigade` is a brigade that nobody changes meanwhile.
unsafe fn has_end(brigade: *mut sys::apr_bucket_brigade) -> bool {
    // SAFETY: the caller vouches for the brigade.
    let sentinel = unsafe { sys::APR_BRIGADE_SENTINEL(brigade) };
    // SAFETY: as above.
    let mut bucket = unsafe { sys::APR_BRIGADE_FIRST(brigade) };
    while bucket != sentinel {
        // SAFETY: it is a bucket of the brigade, for it is not the sentinel.
        if unsafe { sys::bucket_is(bucket, &raw const sys::apr_bucket_type_eos) } {
            return true;
        }
        // SAFETY: as above.
        bucket = unsafe { sys::APR_BUCKET_NEXT(bucket) };
    }
    false
}
