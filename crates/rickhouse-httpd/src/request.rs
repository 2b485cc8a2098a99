//! `request_rec`: one request, while one hook works on it.

use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;

use rickhouse_httpd_sys as sys;

use crate::config;
use crate::connection::Connection;
use crate::pool::Pool;
use crate::record::Module;
use crate::server::Server;
use crate::table::Table;
use crate::text::{HasNul, bytes};

/// The request that a hook is called for.
pub struct Request<'r> {
    request: NonNull<sys::request_rec>,
    // One brigade for each direction, made when needed: each would otherwise cost memory of the request per read or
    // write, which adds up in long responses.
    input: Option<NonNull<sys::apr_bucket_brigade>>,
    output: Option<NonNull<sys::apr_bucket_brigade>>,
    life: PhantomData<&'r mut sys::request_rec>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `request` is what httpd passes to a hook, and this value does not outlive that hook.
    ///
    /// # Panics
    /// When `request` is null, which httpd never passes.
    pub(crate) unsafe fn from_raw(request: *mut sys::request_rec) -> Self {
        Self {
            request: NonNull::new(request).expect("httpd passes a request"),
            input: None,
            output: None,
            life: PhantomData,
        }
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::request_rec {
        self.request.as_ptr()
    }

    pub(crate) fn record(&self) -> &sys::request_rec {
        // SAFETY: the request lives during the hook, and only we, on this thread, use it meanwhile: what runs other
        // code takes `&mut self`.
        unsafe { self.request.as_ref() }
    }

    /// `pool`, which goes away with the request, possibly on another thread.
    pub fn pool(&self) -> Pool<'_> {
        // SAFETY: a request has a pool.
        unsafe { Pool::from_raw(self.record().pool) }
    }

    /// `server`: the virtual host that was found for the request.
    pub fn server(&self) -> Server<'_> {
        // SAFETY: a request has a server, which lives as long as the configuration.
        unsafe { Server::from_raw(self.record().server) }
    }

    /// `connection`.
    pub fn connection(&self) -> Connection<'_> {
        // SAFETY: a request has a connection that lives longer.
        unsafe { Connection::from_raw(self.record().connection) }
    }

    /// What the module's directives said for this request's place, all sections merged.
    ///
    /// # Panics
    /// When a merge has failed before, which its panic told of.
    pub fn dir_config<M: Module>(&self) -> &M::DirConfig {
        // SAFETY: the vector is this request's, and the slot in it of type M is made by `config`.
        unsafe { config::get(self.record().per_dir_config, M::record()) }
    }

    fn text(&self, text: *const c_char) -> Option<&[u8]> {
        // SAFETY: texts of a request live in its pool, and are not changed in place while a hook has the request.
        unsafe { bytes(text) }
    }
}

/// A method of `Request` for each text field.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Request<'_> {
            $($(#[$doc])* pub fn $name(&self) -> Option<&[u8]> { self.text(self.record().$name) })*
        }
    };
}

texts! {
    /// `the_request`: the first line, `GET /a?b HTTP/1.1`.
    the_request;
    /// `method`: as the client wrote it.
    method;
    /// `protocol`: `HTTP/1.1`.
    protocol;
    /// `hostname`: from the header `Host` or the URI.
    hostname;
    /// `unparsed_uri`: as the client wrote it.
    unparsed_uri;
    /// `uri`: the path, decoded.
    uri;
    /// `args`: the query, without `?`.
    args;
    /// `filename`: the file that the URI was mapped to.
    filename;
    /// `canonical_filename`.
    canonical_filename;
    /// `path_info`: what follows the file in the URI.
    path_info;
    /// `handler`: who is to make the response.
    handler;
    /// `content_type` of the response.
    content_type;
    /// `user`: who was authenticated.
    user;
    /// `useragent_ip`: the client's address, as `mod_remoteip` has it.
    useragent_ip;
    /// `status_line` of the response, if one was set.
    status_line;
    /// `log_id`: what the error log calls this request, once something has been logged of it.
    log_id;
    /// `range`: the header `Range`.
    range;
}

/// A method of `Request` for each table.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Request<'_> {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> Table<'_> {
                    // SAFETY: httpd makes the table with the request.
                    unsafe { Table::from_raw(self.record().$name) }
                }
            )*
        }
    };
}

tables! {
    /// Headers that the client sent.
    headers_in;
    /// Headers of the response.
    headers_out;
    /// Headers of the response that also go with error responses and survive internal redirects.
    err_headers_out;
    /// What CGI scripts get as environment.
    subprocess_env;
    /// Notes from module to module.
    notes;
}

impl Request<'_> {
    /// `method_number`: `M_GET` and so on.
    pub fn method_number(&self) -> i32 {
        self.record().method_number
    }

    /// `header_only`: the client asked by `HEAD`.
    pub fn is_head(&self) -> bool {
        self.record().header_only != 0
    }

    /// `status`.
    pub fn status(&self) -> i32 {
        self.record().status
    }

    /// `proto_num`: 1001 for HTTP/1.1.
    pub fn protocol_number(&self) -> i32 {
        self.record().proto_num
    }

    /// Whether this is a request that httpd or a module made on behalf of another (`main`).
    pub fn is_subrequest(&self) -> bool {
        !self.record().main.is_null()
    }

    /// Whether this is an internal redirect of another request (`prev`).
    pub fn is_redirected(&self) -> bool {
        !self.record().prev.is_null()
    }

    /// `request_time`: when the request was received, microseconds since 1970.
    pub fn time(&self) -> i64 {
        self.record().request_time
    }

    /// Sets `status`.
    pub fn set_status(&mut self, status: u16) {
        self.record_mut().status = c_int::from(status);
    }

    /// Sets `status_line`: `404 Not here`.
    ///
    /// # Errors
    /// When the line has a NUL.
    pub fn set_status_line(&mut self, line: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(line)?;
        self.record_mut().status_line = copy;
        Ok(())
    }

    /// Sets `filename`.
    ///
    /// # Errors
    /// When the name has a NUL.
    pub fn set_filename(&mut self, name: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(name)?;
        self.record_mut().filename = copy;
        Ok(())
    }

    /// Sets `path_info`.
    ///
    /// # Errors
    /// When the text has a NUL.
    pub fn set_path_info(&mut self, text: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(text)?;
        self.record_mut().path_info = copy;
        Ok(())
    }

    /// Sets `handler`.
    ///
    /// # Errors
    /// When the name has a NUL.
    pub fn set_handler(&mut self, name: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(name)?;
        self.record_mut().handler = copy;
        Ok(())
    }

    /// Sets `user`.
    ///
    /// # Errors
    /// When the name has a NUL.
    pub fn set_user(&mut self, name: &[u8]) -> Result<(), HasNul> {
        let copy = self.pool().copy(name)?;
        self.record_mut().user = copy;
        Ok(())
    }

    pub(crate) fn input_brigade(&mut self) -> *mut sys::apr_bucket_brigade {
        let brigade = self.input.unwrap_or_else(|| self.new_brigade());
        self.input = Some(brigade);
        brigade.as_ptr()
    }

    pub(crate) fn output_brigade(&mut self) -> *mut sys::apr_bucket_brigade {
        let brigade = self.output.unwrap_or_else(|| self.new_brigade());
        self.output = Some(brigade);
        brigade.as_ptr()
    }

    fn new_brigade(&self) -> NonNull<sys::apr_bucket_brigade> {
        let connection = self.connection().as_ptr();
        // SAFETY: the connection lives.
        let allocator = unsafe { (*connection).bucket_alloc };
        // SAFETY: pool and allocator live.
        let brigade = unsafe { sys::apr_brigade_create(self.record().pool, allocator) };
        NonNull::new(brigade).expect("httpd ends the process when there is no memory")
    }

    pub(crate) fn record_mut(&mut self) -> &mut sys::request_rec {
        // SAFETY: as for `record`, and nobody else borrows it.
        unsafe { self.request.as_mut() }
    }
}
