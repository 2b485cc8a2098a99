//! Processes that the parent forks and watches besides the MPM's: `apr_proc_fork`, "other children".

use std::ffi::{c_int, c_void};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::{self, NonNull};

use rickhouse_httpd_sys as sys;

use crate::fence::fence;
use crate::generation::Generation;
use crate::server::{self, Server};
use crate::status::Status;

/// Why httpd no longer watches a process. There is one such event in each process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `APR_OC_REASON_DEATH`. The number is its exit status *or* the signal that killed it: httpd does not say which.
    /// Exit statuses from 65 to 127 can be told from signals.
    Died(i32),
    /// `APR_OC_REASON_LOST`: it is gone and nobody knows how.
    Lost,
    /// `APR_OC_REASON_RESTART`: it runs, but its generation is about to end.
    Restarting,
    /// `APR_OC_REASON_UNREGISTER`: it runs, but its generation's configuration is being thrown away, and the process
    /// gets SIGTERM next.
    Discarded,
}

/// The forked process, as seen from inside.
pub struct Forked<'g> {
    generation: Generation<'g>,
}

/// Exit status of a forked process whose code panicked; `EX_SOFTWARE`.
pub const PANICKED: u8 = 70;

impl<'g> Generation<'g> {
    /// Forks a process that runs `inside` and exits with what that returns, by `_exit`: neither destructors of httpd's
    /// state nor `atexit` functions run in it. Returns its number.
    ///
    /// At the end of this generation it gets SIGTERM, and SIGKILL three seconds later (`APR_KILL_AFTER_TIMEOUT`).
    /// `ended` is called in the parent, once, as soon as httpd no longer watches it.
    ///
    /// The parent has one thread; whoever starts others must not call this. No lock may be held: the copy in the child
    /// stays locked.
    ///
    /// # Errors
    /// When the system cannot fork.
    pub fn fork(
        &self,
        inside: impl FnOnce(&Forked<'_>) -> u8,
        ended: impl FnOnce(Ended, &Generation<'_>) + 'static,
    ) -> Result<i32, Status> {
        let pool = self.pool().as_ptr();
        // In the pool and not in a box: APR looks at it after all cleanups of the pool have run.
        let process = self.pool().place(sys::apr_proc_t {
            pid: 0,
            in_: ptr::null_mut(),
            out: ptr::null_mut(),
            err: ptr::null_mut(),
        });
        // The process flushes the streams of C in the end: what they hold of this one's would be written by both.
        // SAFETY: without a stream it is all of them; there is no other thread that could be inside of one.
        let _unwritable = unsafe { libc::fflush(ptr::null_mut()) };
        // SAFETY: place and pool live.
        let forked = unsafe { sys::apr_proc_fork(process.as_ptr(), pool) };
        match u32::try_from(forked) {
            Ok(sys::APR_INCHILD) => {
                let forked = Forked { generation: *self };
                let status = fence("forked process", PANICKED, || inside(&forked));
                // SAFETY: ends the process at once.
                unsafe { libc::_exit(c_int::from(status)) }
            }
            Ok(sys::APR_INPARENT) => {
                self.watch(process, Box::new(ended));
                // SAFETY: process and pool live. Should the pool go away, APR signals the process and waits for it.
                unsafe {
                    sys::apr_pool_note_subprocess(
                        pool,
                        process.as_ptr(),
                        sys::APR_KILL_AFTER_TIMEOUT,
                    )
                };
                // SAFETY: `fork` has written it.
                Ok(unsafe { (*process.as_ptr()).pid })
            }
            _ => Err(Status::check(forked).err().unwrap_or(Status::GENERAL)),
        }
    }

    fn watch(&self, process: NonNull<sys::apr_proc_t>, ended: Box<EndedFunction>) {
        let pool = self.pool().as_ptr();
        let watched = self.pool().place(Watched {
            // Twice boxed, for a thin pointer. `maintain` takes it back: APR always calls that in the end, when the
            // pool goes away at the latest.
            ended: Box::into_raw(Box::new(ended)),
            pool,
            server: self.server().as_ptr(),
        });
        let (process, data) = (process.as_ptr(), watched.as_ptr().cast());
        // SAFETY: process and data are in the pool, which APR keeps pointers to them no longer than.
        unsafe {
            sys::apr_proc_other_child_register(process, Some(maintain), data, ptr::null_mut(), pool)
        };
    }
}

impl<'g> Forked<'g> {
    /// What the process was forked from.
    pub fn generation(&self) -> &Generation<'g> {
        &self.generation
    }

    /// `ap_close_listeners`: closes httpd's listening sockets.
    pub fn close_listeners(&self) {
        // SAFETY: a function without arguments; this process does not accept httpd's connections.
        unsafe { sys::ap_close_listeners() };
    }

    /// Makes [`Scope::Current`](crate::log::Scope::Current) mean `server` outside of requests: its `LogLevel`, its log.
    pub fn log_as(&self, server: Server<'g>) {
        server::set_home(server);
    }

    /// Makes the error log of `server` that of the whole process: descriptor 2 becomes that log, and every server that
    /// has another one is given it. Does nothing where `server` has no log file of its own (syslog).
    ///
    /// The other servers' logs are closed.
    ///
    /// # Errors
    /// When descriptor 2 cannot be replaced.
    pub fn adopt_error_log(&self, server: Server<'_>) -> Result<(), std::io::Error> {
        let log = server.record().error_log;
        let Some(descriptor) = log_descriptor(log) else {
            return Ok(());
        };
        // SAFETY: the log is open and stays so.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        if descriptor != libc::STDERR_FILENO {
            // SAFETY: both descriptors are open; whoever writes to 2 is to write to the log from here on.
            if unsafe { libc::dup2(borrowed.as_raw_fd(), libc::STDERR_FILENO) } < 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        let mut closed = Vec::new();
        for other in self.generation.server().and_following() {
            let other = other.as_ptr();
            // SAFETY: the servers of the generation live.
            let old = unsafe { (*other).error_log };
            if old.is_null() || old == log {
                continue;
            }
            // SAFETY: this process has one thread yet, and nobody borrows a server's record across this call.
            unsafe { (*other).error_log = log };
            if !closed.contains(&old) && log_descriptor(old) != Some(libc::STDERR_FILENO) {
                closed.push(old);
            }
        }
        for old in closed {
            // SAFETY: no server has this log any more.
            unsafe { sys::apr_file_close(old) };
        }
        Ok(())
    }
}

/// The descriptor of a log, if it is a file.
pub(crate) fn log_descriptor(log: *mut sys::apr_file_t) -> Option<RawFd> {
    if log.is_null() {
        return None;
    }
    let mut descriptor = -1;
    // SAFETY: a server's log is an open file.
    let status = unsafe { sys::apr_os_file_get(&raw mut descriptor, log) };
    (status == 0 && descriptor >= 0).then_some(descriptor)
}

/// The MPM passes an exit status, but who finds a dead process during a restart passes what `waitpid` said, in which the
/// exit status is in the second byte.
fn exit_status(status: c_int) -> c_int {
    if status > 0xff {
        (status >> 8) & 0xff
    } else {
        status
    }
}

type EndedFunction = dyn FnOnce(Ended, &Generation<'_>);

/// What APR hands to [`maintain`].
#[derive(Clone, Copy)]
struct Watched {
    /// Null once it has been called.
    ended: *mut Box<EndedFunction>,
    pool: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
}

unsafe extern "C" fn maintain(reason: c_int, data: *mut c_void, status: c_int) {
    let ended = match u32::try_from(reason) {
        Ok(sys::APR_OC_REASON_DEATH) => Ended::Died(exit_status(status)),
        Ok(sys::APR_OC_REASON_LOST) => Ended::Lost,
        Ok(sys::APR_OC_REASON_RESTART) => Ended::Restarting,
        Ok(sys::APR_OC_REASON_UNREGISTER) => Ended::Discarded,
        // It runs, or does not read its log: nothing of ours.
        _ => return,
    };
    fence("watch over a process", (), || {
        // SAFETY: `watch` placed it in the pool that the watch ends with. The reference is gone before APR calls again.
        let watched = unsafe { &mut *data.cast::<Watched>() };
        let function = mem::replace(&mut watched.ended, ptr::null_mut());
        let (pool, server) = (watched.pool, watched.server);
        if function.is_null() {
            return;
        }
        // SAFETY: `watch` made the box, and whoever finds the pointer is the only one to do so.
        let function = unsafe { Box::from_raw(function) };
        if ended != Ended::Discarded {
            // Comes back to this function with "unregister", which then finds nothing to call.
            // SAFETY: it is registered, for APR has just called us with it.
            unsafe { sys::apr_proc_other_child_unregister(data) };
        }
        // SAFETY: both live until the pool has gone away, which takes longer than this call.
        let generation = unsafe { Generation::from_raw(pool, server) };
        function(ended, &generation);
    });
}

#[cfg(test)]
mod tests {
    use super::exit_status;

    #[test]
    fn both_forms_of_an_exit_status_are_read() {
        assert_eq!(exit_status(0), 0);
        assert_eq!(exit_status(100), 100);
        assert_eq!(exit_status(100 << 8), 100);
        assert_eq!(exit_status(255 << 8), 255);
        assert_eq!(exit_status(9), 9);
    }
}
