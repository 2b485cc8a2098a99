//! Several parts of a response at once, and what a relay needs to know of the client's side.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rickhouse_httpd_sys as sys;

use crate::connection::Connection;
use crate::request::Request;
use crate::response::FileOptions;
use crate::status::Status;

/// A part of a response's body.
#[derive(Debug)]
pub enum Part<'a> {
    /// Bytes. httpd copies what it does not send at once.
    Data(&'a [u8]),
    /// A part of a file. The descriptor is closed with the request, which may be after the handler has returned.
    File {
        /// The file.
        file: OwnedFd,
        /// Its first byte that counts.
        offset: u64,
        /// How many do.
        length: u64,
        /// How it is sent.
        options: FileOptions,
    },
    /// Everything so far leaves.
    Flush,
    /// The body is complete.
    End,
    /// There should be more: see [`Request::end_truncated`].
    Truncated,
}

impl Request<'_> {
    /// Hands over parts of the body in one turn of the output filters: the headers, a short body and its end leave
    /// together.
    ///
    /// Without a [`Part::Flush`] httpd decides when they leave; it waits for a slow client when it holds more than it
    /// wants to.
    ///
    /// # Errors
    /// When the client is gone or a filter fails. The parts are lost.
    pub fn pass_parts<'p>(&mut self, parts: impl IntoIterator<Item = Part<'p>>) -> io::Result<()> {
        // All of them first: should the iterator panic, no bucket of borrowed bytes is left behind in the brigade.
        let parts: Vec<Part<'_>> = parts.into_iter().collect();
        if parts.is_empty() {
            return Ok(());
        }
        let appended = parts
            .into_iter()
            .try_for_each(|part| self.append_part(part));
        let passed = self.pass();
        appended.and(passed)
    }

    fn append_part(&mut self, part: Part<'_>) -> io::Result<()> {
        match part {
            Part::Data(data) => {
                let (bytes, allocator) = (data.as_ptr().cast(), self.bucket_allocator());
                // SAFETY: the bytes live until `pass_parts` returns, for they outlive its parts; a filter that keeps
                // the bucket longer sets it aside, which copies them.
                let bucket =
                    unsafe { sys::apr_bucket_transient_create(bytes, data.len(), allocator) };
                self.append(bucket);
            }
            Part::File {
                file,
                offset,
                length,
                options,
            } => self.append_file(file, offset, length, options)?,
            Part::Flush => self.append_flush(),
            Part::End => self.append_end(),
            Part::Truncated => self.append_truncation(),
        }
        Ok(())
    }

    /// As [`Request::read_body`], but without waiting: nothing when the client has sent no more yet.
    ///
    /// # Errors
    /// As [`Request::read_body`].
    pub fn read_body_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if buffer.is_empty() {
            return Ok(Some(0));
        }
        match self.read_once(buffer, sys::APR_NONBLOCK_READ) {
            // Filters that have nothing say so either way.
            Ok((0, false)) => Ok(None),
            Ok((read, _)) => Ok(Some(read)),
            Err(error) if Status::of(&error).is_some_and(Status::is_again) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<'c> Connection<'c> {
    /// The descriptor of the client's socket, to wait for; nothing for a stream of HTTP/2, whose connection is shared.
    pub fn descriptor(self) -> Option<BorrowedFd<'c>> {
        // SAFETY: the connection lives.
        if !unsafe { (*self.as_ptr()).master }.is_null() {
            return None;
        }
        let socket = self.socket().ok()?;
        let mut descriptor = -1;
        // SAFETY: the socket lives as long as the connection.
        Status::check(unsafe { sys::apr_os_sock_get(&raw mut descriptor, socket) }).ok()?;
        if descriptor < 0 {
            return None;
        }
        // SAFETY: the socket keeps it open while the connection lives.
        Some(unsafe { BorrowedFd::borrow_raw(descriptor) })
    }
}
