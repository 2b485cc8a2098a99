//! httpd's error log: `ap_log_error`, `ap_log_rerror`, `ap_log_cerror`.
//!
//! A record is only put together when its level is on. Text goes through the format `%s`, so nothing in it is taken for a
//! format; httpd cuts it at 8191 bytes and escapes control characters. Message codes are part of the text.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Mutex, TryLockError};

use rickhouse_httpd_sys as sys;

pub use crate::log_client::{Client, on_behalf_of};

use crate::connection::Connection;
use crate::log_client;
use crate::record;
use crate::request::Request;
use crate::server::{self, Server};

/// `APLOG_*`: how much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the directive LogLevel")]
#[repr(u32)]
pub enum Level {
    Emergency = sys::APLOG_EMERG,
    Alert = sys::APLOG_ALERT,
    Critical = sys::APLOG_CRIT,
    Error = sys::APLOG_ERR,
    Warning = sys::APLOG_WARNING,
    Notice = sys::APLOG_NOTICE,
    Info = sys::APLOG_INFO,
    Debug = sys::APLOG_DEBUG,
    Trace1 = sys::APLOG_TRACE1,
    Trace2 = sys::APLOG_TRACE2,
    Trace3 = sys::APLOG_TRACE3,
    Trace4 = sys::APLOG_TRACE4,
    Trace5 = sys::APLOG_TRACE5,
    Trace6 = sys::APLOG_TRACE6,
    Trace7 = sys::APLOG_TRACE7,
    Trace8 = sys::APLOG_TRACE8,
}

/// The source line that a record names (`%F` of `ErrorLogFormat`): of this module by [`at!`](crate::at), or of the
/// Python code that logs.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The path of the file; httpd writes its last part.
    pub file: &'a CStr,
    /// The line, from 1.
    pub line: u32,
}

/// The place in the source where it stands, as [`log::At`](crate::log::At).
#[macro_export]
macro_rules! at {
    () => {{
        const FILE: &::core::ffi::CStr =
            match ::core::ffi::CStr::from_bytes_with_nul(concat!(file!(), "\0").as_bytes()) {
                Ok(file) => file,
                Err(_) => c"unknown",
            };
        $crate::log::At {
            file: FILE,
            line: line!(),
        }
    }};
}

/// What a record belongs to: decides the log file, the effective `LogLevel` and the client that is named.
#[derive(Clone, Copy)]
pub enum Scope<'a> {
    /// One virtual host, or the main server.
    Server(Server<'a>),
    /// One request; see [`Request::log_scope`].
    Request(RequestScope<'a>),
    /// One connection.
    Connection(Connection<'a>),
    /// The server of the process, what the process itself has to say: the main server, or
    /// [`Forked::log_as`](crate::process::Forked::log_as). From any thread.
    Main,
    /// The request that this thread is inside of ([`Request::inside`]), or the client that it works for
    /// ([`on_behalf_of`]), otherwise as [`Scope::Main`]. From any thread.
    Current,
}

/// A request as far as the log is concerned.
#[derive(Clone, Copy)]
pub struct RequestScope<'a> {
    request: *const sys::request_rec,
    life: PhantomData<&'a sys::request_rec>,
}

impl<'r> Request<'r> {
    /// The scope of this request's records.
    pub fn log_scope(&self) -> Scope<'_> {
        Scope::Request(RequestScope {
            request: self.as_ptr(),
            life: PhantomData,
        })
    }

    /// Runs `body` with this request as what [`Scope::Current`] means on this thread. May be nested; each hook runs
    /// in it already.
    ///
    /// For text that comes out of a call into foreign code, such as what a Python application prints.
    pub fn inside<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        // SAFETY: the request lives at least as long as this value.
        unsafe { inside(self.as_ptr(), || body(self)) }
    }
}

/// As [`Request::inside`], for a request that other threads may use meanwhile: `uses` is locked by whoever does.
///
/// # Safety
/// `request` lives while `body` runs, and every use of it meanwhile holds `uses`.
pub(crate) unsafe fn inside_lent<T>(
    request: *const sys::request_rec,
    server: *const sys::server_rec,
    uses: &Mutex<()>,
    body: impl FnOnce() -> T,
) -> T {
    let _restore = Restore(CURRENT.replace(Current {
        request,
        lent: Some(Lending {
            uses: ptr::from_ref(uses),
            server,
        }),
    }));
    body()
}

/// What [`Request::inside`] does.
///
/// # Safety
/// `request` is null or lives while `body` runs.
pub(crate) unsafe fn inside<T>(request: *const sys::request_rec, body: impl FnOnce() -> T) -> T {
    let _restore = Restore(CURRENT.replace(Current {
        request,
        lent: None,
    }));
    body()
}

/// The request that a thread is inside of; null where there is none.
#[derive(Clone, Copy)]
struct Current {
    request: *const sys::request_rec,
    lent: Option<Lending>,
}

/// The request of a thread that has lent it.
#[derive(Clone, Copy)]
struct Lending {
    uses: *const Mutex<()>,
    /// The request's server, for records that find the request in use.
    server: *const sys::server_rec,
}

thread_local! {
    /// Not null only while `Request::inside` is on this thread's stack. Has no destructor on purpose: see SAFETY.md.
    static CURRENT: Cell<Current> = const { Cell::new(Current { request: ptr::null(), lent: None }) };
}

struct Restore(Current);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Whether records of this level are written; a request's level may differ by directory, a server's by virtual host.
pub fn is_enabled(scope: Scope<'_>, level: Level) -> bool {
    Target::of(scope, |target| target.is_enabled(level))
}

/// Writes a record, if its level is on.
pub fn write(scope: Scope<'_>, level: Level, at: At<'_>, text: fmt::Arguments<'_>) {
    Target::of(scope, |target| {
        if target.is_enabled(level) {
            target.write(level, at, text.to_string().as_bytes());
        }
    });
}

/// Writes a record of text in whatever encoding, if its level is on.
pub fn write_bytes(scope: Scope<'_>, level: Level, at: At<'_>, text: &[u8]) {
    Target::of(scope, |target| {
        if target.is_enabled(level) {
            target.write(level, at, text);
        }
    });
}

/// A scope that is resolved: pointers that are valid while `Target::of` runs its closure.
enum Target<'a> {
    Server(*const sys::server_rec),
    Request(*const sys::request_rec),
    Connection(*const sys::conn_rec),
    Client(&'a Client<'a>),
}

impl Target<'_> {
    fn of<T>(scope: Scope<'_>, body: impl FnOnce(&Target<'_>) -> T) -> T {
        match scope {
            Scope::Server(server) => body(&Target::Server(server.as_ptr())),
            Scope::Request(request) => body(&Target::Request(request.request)),
            Scope::Connection(connection) => body(&Target::Connection(connection.as_ptr())),
            Scope::Main => server::with_home(|server| body(&Target::Server(server))),
            Scope::Current => match CURRENT.get() {
                Current { request, .. } if request.is_null() => {
                    log_client::current(|client| match client {
                        Some(client) => body(&Target::Client(client)),
                        None => server::with_home(|server| body(&Target::Server(server))),
                    })
                }
                Current {
                    request,
                    lent: None,
                } => body(&Target::Request(request)),
                Current {
                    request,
                    lent: Some(lending),
                } => Self::of_lent(request, lending, body),
            },
        }
    }

    /// A record about the request, unless another thread uses it at this moment, and may for long: then about its server.
    fn of_lent<T>(
        request: *const sys::request_rec,
        lending: Lending,
        body: impl FnOnce(&Target<'_>) -> T,
    ) -> T {
        // SAFETY: `inside_lent` holds the reference on this thread's stack.
        let uses = unsafe { &*lending.uses };
        let _turn = match uses.try_lock() {
            Ok(turn) => turn,
            // It guards no data of its own: a panic of another user has left nothing broken in it.
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return body(&Target::Server(lending.server)),
        };
        body(&Target::Request(request))
    }

    fn is_enabled(&self, level: Level) -> bool {
        let index = record::index();
        let limit = match *self {
            Self::Client(client) => return Target::Server(client.server()).is_enabled(level),
            // Before there is a server, httpd writes everything to stderr that is not chatter.
            Self::Server(server) if server.is_null() => sys::APLOG_NOTICE as c_int,
            // SAFETY: the scope vouches for the server.
            Self::Server(server) => unsafe { sys::ap_get_server_module_loglevel(server, index) },
            // SAFETY: the scope vouches for the request.
            Self::Request(request) => unsafe {
                sys::ap_get_request_module_loglevel(request, index)
            },
            // SAFETY: the scope vouches for the connection.
            Self::Connection(connection) => unsafe {
                sys::ap_get_conn_module_loglevel(connection, index)
            },
        };
        level as c_int <= limit
    }

    fn write(&self, level: Level, at: At<'_>, text: &[u8]) {
        let line = c_int::try_from(at.line).unwrap_or_default();
        let (file, index, number) = (at.file.as_ptr(), record::index(), level as c_int);
        let (format, visible) = (c"%s".as_ptr(), visible(text));
        let shown = visible.as_ptr();
        match *self {
            Self::Server(server) => {
                // SAFETY: server is valid or null, which httpd takes for "no server yet"; the format takes one text.
                unsafe { sys::ap_log_error_(file, line, index, number, 0, server, format, shown) }
            }
            Self::Request(request) => {
                // SAFETY: the scope vouches for the request; the format takes one text.
                unsafe { sys::ap_log_rerror_(file, line, index, number, 0, request, format, shown) }
            }
            Self::Connection(connection) => {
                // SAFETY: the scope vouches for the connection; the format takes one text.
                unsafe {
                    sys::ap_log_cerror_(file, line, index, number, 0, connection, format, shown)
                }
            }
            Self::Client(client) => client.with_connection(|connection| {
                let target = match connection {
                    Some(connection) => Target::Connection(connection),
                    None => Target::Server(client.server()),
                };
                target.write(level, at, text);
            }),
        }
    }
}

/// The text as C takes it; NUL bytes are spelled out, as httpd does with other control characters.
fn visible(text: &[u8]) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let text = error.into_vec();
        let parts: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
        CString::new(parts.join(br"\x00".as_slice())).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn nul_bytes_are_spelled_out() {
        assert_eq!(visible(b"a\0b\0").to_bytes(), br"a\x00b\x00");
        assert_eq!(visible(b"plain").to_bytes(), b"plain");
    }
}
