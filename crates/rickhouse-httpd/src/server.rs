//! `server_rec`: the main server and its virtual hosts.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use rickhouse_httpd_sys as sys;

use crate::config;
use crate::record::Module;
use crate::text::bytes;

/// A server that lives at least as long as `'s`, which is no longer than one reading of the configuration.
#[derive(Clone, Copy)]
pub struct Server<'s> {
    server: NonNull<sys::server_rec>,
    life: PhantomData<&'s sys::server_rec>,
}

impl<'s> Server<'s> {
    /// # Safety
    /// `server` lives during `'s`.
    ///
    /// # Panics
    /// When `server` is null, which httpd never passes.
    pub(crate) unsafe fn from_raw(server: *mut sys::server_rec) -> Self {
        Self {
            server: NonNull::new(server).expect("httpd passes a server"),
            life: PhantomData,
        }
    }

    pub(crate) fn as_ptr(self) -> *mut sys::server_rec {
        self.server.as_ptr()
    }

    pub(crate) fn record(self) -> &'s sys::server_rec {
        // SAFETY: the server lives during 's, and after the configuration has been read nobody writes to it.
        unsafe { self.server.as_ref() }
    }

    /// What the module's directives said for this server, merged with the main server's.
    ///
    /// # Panics
    /// When a merge has failed before, which its panic told of.
    pub fn config<M: Module>(self) -> &'s M::ServerConfig {
        // SAFETY: the vector is this server's, and the slot in it of type M is made by `config`.
        unsafe { config::get(self.record().module_config, M::record()) }
    }

    /// A number that no other server of this reading of the configuration has.
    pub fn id(self) -> usize {
        self.as_ptr().addr()
    }

    /// `is_virtual`: whether this is a `<VirtualHost>`.
    pub fn is_virtual(self) -> bool {
        self.record().is_virtual != 0
    }

    /// `server_hostname`, from `ServerName` or found out by httpd.
    pub fn hostname(self) -> Option<&'s [u8]> {
        // SAFETY: the server's texts live as long as it does.
        unsafe { bytes(self.record().server_hostname) }
    }

    /// `port`, from `ServerName`; 0 when not given.
    pub fn port(self) -> u16 {
        self.record().port
    }

    /// `server_admin`.
    pub fn admin(self) -> Option<&'s [u8]> {
        // SAFETY: the server's texts live as long as it does.
        unsafe { bytes(self.record().server_admin) }
    }

    /// `ap_get_server_banner`: what the header `Server` says, by `ServerTokens`.
    pub fn banner(self) -> Option<&'s [u8]> {
        // SAFETY: a function without arguments.
        let banner = unsafe { sys::ap_get_server_banner() };
        // SAFETY: the text lives as long as the configuration that the server is of.
        unsafe { bytes(banner) }
    }

    /// `error_fname`: the `ErrorLog` as configured.
    pub fn error_log_name(self) -> Option<&'s [u8]> {
        // SAFETY: the server's texts live as long as it does.
        unsafe { bytes(self.record().error_fname) }
    }

    /// `defn_name` and `defn_line_number`: where the configuration defines the server.
    pub fn definition(self) -> (Option<&'s [u8]>, u32) {
        let record = self.record();
        // SAFETY: the server's texts live as long as it does.
        (unsafe { bytes(record.defn_name) }, record.defn_line_number)
    }

    /// `timeout`, from `Timeout`.
    pub fn timeout(self) -> Duration {
        Duration::from_micros(u64::try_from(self.record().timeout).unwrap_or_default())
    }

    /// `limit_req_line`, `limit_req_fieldsize`, `limit_req_fields`: bytes, bytes, number.
    pub fn request_limits(self) -> (i32, i32, i32) {
        let record = self.record();
        (
            record.limit_req_line,
            record.limit_req_fieldsize,
            record.limit_req_fields,
        )
    }

    /// This server and all after it; from the main server on, that is every server there is, in a fixed order.
    pub fn and_following(self) -> impl Iterator<Item = Server<'s>> {
        std::iter::successors(Some(self), |server| {
            let next = NonNull::new(server.record().next)?;
            Some(Server {
                server: next,
                life: PhantomData,
            })
        })
    }
}

impl PartialEq for Server<'_> {
    /// Whether both are the same server.
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
    }
}

impl Eq for Server<'_> {}

/// The server whose records are those of this process, null for the main one. Set in forked processes only, which have
/// one thread then.
static HOME: AtomicPtr<sys::server_rec> = AtomicPtr::new(ptr::null_mut());

/// Makes the records of this process those of `server`, which lives as long as the process.
pub(crate) fn set_home(server: Server<'_>) {
    HOME.store(server.as_ptr(), Ordering::Relaxed);
}

/// Runs `body` with the server whose records are those of this process; null before there is one.
pub(crate) fn with_home<T>(body: impl FnOnce(*const sys::server_rec) -> T) -> T {
    let home = HOME.load(Ordering::Relaxed);
    if !home.is_null() {
        return body(home);
    }
    // SAFETY: httpd writes this variable while it is single-threaded only.
    let server = unsafe { sys::ap_server_conf };
    body(server)
}

/// The server at this place of httpd's list, the process's own one where there is none; null before there is any.
pub(crate) fn nth(place: u32) -> *const sys::server_rec {
    // SAFETY: httpd writes this variable while it is single-threaded only.
    let mut server: *const sys::server_rec = unsafe { sys::ap_server_conf };
    for _ in 0..place {
        if server.is_null() {
            break;
        }
        // SAFETY: a server of the list, which lives as long as the configuration that the process works by.
        server = unsafe { (*server).next };
    }
    match server.is_null() {
        true => with_home(|home| home),
        false => server,
    }
}
