//! Records about requests that a forked process serves: httpd has neither a request nor a connection for them.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

use rickhouse_httpd_sys as sys;

use crate::pool::Pool;
use crate::server;
use crate::text::HasNul;

/// Whom a forked process works for.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The place of the virtual host in httpd's list of servers, from 0: whose log and `LogLevel` count.
    pub server: u32,
    /// The client's address as text.
    pub address: &'a [u8],
    /// The client's port, 0 if it is not known.
    pub port: u16,
    /// httpd's id of the connection (`%{c}L`).
    pub connection_id: &'a [u8],
}

/// Runs `body` with records of [`Scope::Current`](crate::log::Scope::Current) on this thread, outside of httpd's own
/// requests, being about `client`. May be nested.
pub fn on_behalf_of<T>(client: &Client<'_>, body: impl FnOnce() -> T) -> T {
    let _restore = Restore(CLIENT.replace(ptr::from_ref(client).cast()));
    body()
}

/// Runs `body` with the client of the innermost [`on_behalf_of`] on this thread.
pub(crate) fn current<T>(body: impl FnOnce(Option<&Client<'_>>) -> T) -> T {
    // SAFETY: the pointer is null, or `on_behalf_of` holds the reference on this thread's stack, and `body` cannot keep it.
    body(unsafe { CLIENT.get().as_ref() })
}

thread_local! {
    /// Not null only while `on_behalf_of` is on this thread's stack. Has no destructor on purpose: see SAFETY.md.
    static CLIENT: Cell<*const Client<'static>> = const { Cell::new(ptr::null()) };
}

struct Restore(*const Client<'static>);

impl Drop for Restore {
    fn drop(&mut self) {
        CLIENT.set(self.0);
    }
}

impl Client<'_> {
    /// The virtual host; the process's own server where the list has no such place.
    pub(crate) fn server(&self) -> *const sys::server_rec {
        server::nth(self.server)
    }

    /// Runs `body` with a connection that is good for the log and for nothing else; without one where there cannot be any:
    /// C cannot hold an address with a NUL.
    pub(crate) fn with_connection<T>(&self, body: impl FnOnce(Option<&sys::conn_rec>) -> T) -> T {
        let pool = OwnPool::new();
        let connection = pool
            .as_ref()
            .and_then(|pool| self.connection(pool.pool()).ok());
        // SAFETY: it is in the pool, which lives until the end of this function.
        body(connection.map(|connection| unsafe { connection.as_ref() }))
    }

    /// What httpd and hooks of `error_log` may look at: addresses, id, server, pool, and vectors that are empty.
    fn connection(&self, pool: Pool<'_>) -> Result<NonNull<sys::conn_rec>, HasNul> {
        let address = pool.zeroed::<sys::apr_sockaddr_t>();
        let client_ip = pool.copy(self.address)?;
        let log_id = pool.copy(self.connection_id)?;
        let connection = pool.zeroed::<sys::conn_rec>();
        // SAFETY: the memory is fresh and nobody else's; all zeros is a value of this structure of numbers and pointers.
        let it = unsafe { &mut *connection.as_ptr() };
        // SAFETY: as above.
        unsafe { (*address.as_ptr()).port = self.port };
        // SAFETY: as above.
        unsafe { (*address.as_ptr()).pool = pool.as_ptr() };
        it.pool = pool.as_ptr();
        it.base_server = self.server().cast_mut();
        it.client_addr = address.as_ptr();
        it.local_addr = pool.zeroed::<sys::apr_sockaddr_t>().as_ptr();
        it.client_ip = client_ip;
        it.local_ip = pool.copy(b"-")?;
        // With an id httpd asks no module for one.
        it.log_id = log_id;
        // SAFETY: the pool lives.
        it.notes = unsafe { sys::apr_table_make(pool.as_ptr(), 1) };
        // SAFETY: the pool lives.
        it.conn_config = unsafe { sys::ap_create_conn_config(pool.as_ptr()) };
        Ok(connection)
    }
}

/// A pool for one record. Its parent is the process's global one, which APR locks; nothing else uses this one.
struct OwnPool(NonNull<sys::apr_pool_t>);

impl OwnPool {
    fn new() -> Option<Self> {
        let mut pool = ptr::null_mut();
        // SAFETY: no parent, no function for a lack of memory and no allocator mean APR's own.
        let status: c_int = unsafe {
            sys::apr_pool_create_ex(&raw mut pool, ptr::null_mut(), None, ptr::null_mut())
        };
        NonNull::new(pool).filter(|_| status == 0).map(OwnPool)
    }

    fn pool(&self) -> Pool<'_> {
        // SAFETY: it lives as long as this value, on this thread.
        unsafe { Pool::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and what was in it is no longer borrowed.
        unsafe { sys::apr_pool_destroy(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, current, on_behalf_of};

    #[test]
    fn the_innermost_client_counts_and_only_inside() {
        let client = |port| Client {
            server: 0,
            address: b"192.0.2.7",
            port,
            connection_id: b"",
        };
        let port = || current(|client| client.map(|client| client.port));
        assert_eq!(port(), None);
        on_behalf_of(&client(1), || {
            on_behalf_of(&client(2), || assert_eq!(port(), Some(2)));
            assert_eq!(port(), Some(1));
        });
        assert_eq!(port(), None);
    }
}
