//! What start-up hooks are given: one reading of the configuration and what was made of it.

use rickhouse_httpd_sys as sys;

use crate::pool::Pool;
use crate::server::Server;

/// From the end of one reading of the configuration to the next reading, or the end: the main server, and the pool
/// (`pconf`) that goes away with it.
#[derive(Clone, Copy)]
pub struct Generation<'g> {
    server: Server<'g>,
    pool: Pool<'g>,
}

impl<'g> Generation<'g> {
    /// # Safety
    /// `pool` is `pconf`, `server` the main server made in it; both live during `'g`.
    pub(crate) unsafe fn from_raw(
        pool: *mut sys::apr_pool_t,
        server: *mut sys::server_rec,
    ) -> Self {
        Self {
            // SAFETY: the caller vouches for it.
            server: unsafe { Server::from_raw(server) },
            // SAFETY: as above.
            pool: unsafe { Pool::from_raw(pool) },
        }
    }

    /// What is current; for hooks that httpd gives something else.
    ///
    /// # Safety
    /// The configuration has been read, and does not go away during `'g`.
    pub(crate) unsafe fn current() -> Self {
        // SAFETY: httpd writes this variable while it is single-threaded only, and we are on its thread.
        let server = unsafe { sys::ap_server_conf };
        // SAFETY: the caller says that there is a server.
        let process = unsafe { (*server).process };
        // SAFETY: every server has the one process record.
        let pool = unsafe { (*process).pconf };
        // SAFETY: these are the ones meant.
        unsafe { Self::from_raw(pool, server) }
    }

    /// The main server.
    pub fn server(&self) -> Server<'g> {
        self.server
    }

    /// `pconf`.
    pub fn pool(&self) -> Pool<'g> {
        self.pool
    }

    /// The pool of the process, which goes away when httpd ends in an orderly way, also by an error in a configuration that
    /// is read again. For a module that stays loaded as long.
    pub fn process_pool(&self) -> Pool<'g> {
        // SAFETY: the server lives.
        let process = unsafe { (*self.server.as_ptr()).process };
        // SAFETY: every server has the one process record, which outlives all of them.
        let pool = unsafe { (*process).pool };
        // SAFETY: it is httpd's main thread that makes generations; the pool outlives them.
        unsafe { Pool::from_raw(pool) }
    }
}

/// What there is before the configuration is read.
pub struct PreConfig<'g> {
    pub(crate) pool: Pool<'g>,
}

impl<'g> PreConfig<'g> {
    /// `pconf`.
    pub fn pool(&self) -> Pool<'g> {
        self.pool
    }
}

/// What there is once the configuration has been read.
pub struct Startup<'g> {
    pub(crate) generation: Generation<'g>,
    pub(crate) temporary: Pool<'g>,
}

impl<'g> Startup<'g> {
    /// What lives until the next restart.
    pub fn generation(&self) -> &Generation<'g> {
        &self.generation
    }

    /// The main server.
    pub fn server(&self) -> Server<'g> {
        self.generation.server
    }

    /// `ptemp`, gone when start-up is over.
    pub fn temporary(&self) -> Pool<'g> {
        self.temporary
    }
}

/// What there is in a new child.
pub struct ChildInit<'c> {
    pub(crate) generation: Generation<'c>,
    pub(crate) pool: Pool<'c>,
}

impl<'c> ChildInit<'c> {
    /// The main server.
    pub fn server(&self) -> Server<'c> {
        self.generation.server
    }

    /// Runs `end` when the child ends in an orderly way, with the cleanups of `pchild`. A threaded MPM has joined its
    /// threads by then. Prefork's children do it **inside of the handler of SIGTERM or SIGHUP** where that is how they are
    /// ended, at whatever point of the program the signal found them.
    pub fn at_end(&self, end: fn()) {
        self.pool.keep(AtEnd(end));
    }

    /// `pchild`, which goes away when the child ends in an orderly way.
    pub fn pool(&self) -> Pool<'c> {
        self.pool
    }
}

struct AtEnd(fn());

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0();
    }
}
