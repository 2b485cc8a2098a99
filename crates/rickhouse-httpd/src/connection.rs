//! `conn_rec`: the client's connection.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rickhouse_httpd_sys as sys;

use crate::status::Status;
use crate::text::bytes;

/// The connection of a request, for as long as the request.
#[derive(Clone, Copy)]
pub struct Connection<'c> {
    connection: NonNull<sys::conn_rec>,
    life: PhantomData<&'c sys::conn_rec>,
}

impl<'c> Connection<'c> {
    /// # Safety
    /// `connection` lives during `'c` and is used by this thread alone.
    ///
    /// # Panics
    /// When `connection` is null.
    pub(crate) unsafe fn from_raw(connection: *mut sys::conn_rec) -> Self {
        Self {
            connection: NonNull::new(connection).expect("a request has a connection"),
            life: PhantomData,
        }
    }

    pub(crate) fn as_ptr(self) -> *mut sys::conn_rec {
        self.connection.as_ptr()
    }

    /// `id`: unique among the connections of this moment.
    pub fn id(self) -> i64 {
        // SAFETY: the connection lives.
        unsafe { (*self.as_ptr()).id }
    }

    /// `client_ip`: the peer's address, before `mod_remoteip` has had a look.
    pub fn client_ip(self) -> Option<&'c [u8]> {
        // SAFETY: the connection lives.
        let text = unsafe { (*self.as_ptr()).client_ip };
        // SAFETY: it is in the connection's pool and not changed in place.
        unsafe { bytes(text) }
    }

    /// `local_ip`: our address.
    pub fn local_ip(self) -> Option<&'c [u8]> {
        // SAFETY: the connection lives.
        let text = unsafe { (*self.as_ptr()).local_ip };
        // SAFETY: it is in the connection's pool and not changed in place.
        unsafe { bytes(text) }
    }

    /// `local_addr`: our port.
    pub fn local_port(self) -> Option<u16> {
        self.local_address().map(|address| address.port)
    }

    /// The host name of `local_addr`, where it has one.
    pub fn local_host(self) -> Option<&'c [u8]> {
        let name = self.local_address()?.hostname;
        // SAFETY: it is in the connection's pool and not changed in place.
        unsafe { bytes(name) }
    }

    fn local_address(self) -> Option<&'c sys::apr_sockaddr_t> {
        // SAFETY: the connection lives.
        let address = unsafe { (*self.as_ptr()).local_addr };
        // SAFETY: its addresses live as long, and nobody writes to them.
        unsafe { address.as_ref() }
    }

    /// `log_id`: what the error log calls this connection, once something has been logged of it.
    pub fn log_id(self) -> Option<&'c [u8]> {
        // SAFETY: the connection lives.
        let text = unsafe { (*self.as_ptr()).log_id };
        // SAFETY: it is in the connection's pool and not changed in place.
        unsafe { bytes(text) }
    }

    /// `aborted`: whether a write to the client has failed.
    pub fn is_aborted(self) -> bool {
        // SAFETY: the connection lives.
        unsafe { (*self.as_ptr()).aborted != 0 }
    }

    /// `keepalives`: how many requests this connection has already had.
    pub fn keepalives(self) -> i32 {
        // SAFETY: the connection lives.
        unsafe { (*self.as_ptr()).keepalives }
    }

    /// `keepalive = AP_CONN_CLOSE`: the connection ends with this request.
    pub fn close_afterwards(self) {
        // SAFETY: the connection lives, and belongs to this thread during the request.
        unsafe { (*self.as_ptr()).keepalive = sys::AP_CONN_CLOSE };
    }

    /// `apr_socket_timeout_get`: how long a read or write of the client's socket may take; nothing is for ever.
    ///
    /// # Errors
    /// When APR cannot say.
    pub fn timeout(self) -> Result<Option<Duration>, Status> {
        let mut timeout = 0;
        // SAFETY: the socket lives as long as the connection.
        Status::check(unsafe { sys::apr_socket_timeout_get(self.socket()?, &raw mut timeout) })?;
        Ok(u64::try_from(timeout).ok().map(Duration::from_micros))
    }

    /// `apr_socket_timeout_set`; whoever sets it puts it back before the hook returns.
    ///
    /// # Errors
    /// When the socket cannot be changed.
    pub fn set_timeout(self, timeout: Option<Duration>) -> Result<(), Status> {
        let micros = timeout.map_or(-1, |timeout| {
            i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX)
        });
        // SAFETY: the socket lives as long as the connection, which is this thread's.
        Status::check(unsafe { sys::apr_socket_timeout_set(self.socket()?, micros) })
    }

    /// `ap_get_conn_socket`.
    pub(crate) fn socket(self) -> Result<*mut sys::apr_socket_t, Status> {
        // SAFETY: the connection lives.
        let socket = unsafe { sys::ap_get_conn_socket(self.as_ptr()) };
        if socket.is_null() {
            Err(Status::GENERAL)
        } else {
            Ok(socket)
        }
    }
}
