//! Getting a thread out of a blocking call.
//!
//! A thread that waits in `accept4` sees no flag. A signal without `SA_RESTART` makes the call fail with `EINTR`, after
//! which the thread looks. `SIGURG` is used: its default is to be ignored, so a program that an application starts is
//! not hurt by one that comes late, and nothing here uses out-of-band data.

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;

/// Makes [`nudge`] interrupt blocking calls instead of being ignored. For the process's life.
///
/// # Errors
/// When the kernel refuses.
pub fn prepare() -> io::Result<()> {
    let action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeroed is a valid `sigaction`: no flags (hence no SA_RESTART), an empty mask.
    let mut action = unsafe { action.assume_init() };
    action.sa_sigaction = nothing as *const () as libc::sighandler_t;
    // SAFETY: the handler is async-signal-safe, for it does nothing; the old action is not asked for.
    let done = unsafe { libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn nothing(_signal: libc::c_int) {}

/// Interrupts the blocking call that `thread` is in. A thread that is about to enter one is not stopped by it: repeat
/// until it has noticed what it should notice.
pub fn nudge<T>(thread: &JoinHandle<T>) {
    if thread.is_finished() {
        return;
    }
    // SAFETY: the thread has not been joined or detached, since its handle is here; its id is valid until then.
    let _gone = unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGURG) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn a_blocking_read_is_interrupted() {
        prepare().expect("a handler");
        let (reader, writer): (OwnedFd, OwnedFd) = rustix::pipe::pipe().expect("a pipe");
        let noticed = Arc::new(AtomicBool::new(false));
        let notice = Arc::clone(&noticed);
        let thread = std::thread::spawn(move || {
            let outcome = rustix::io::read(reader.as_fd(), &mut [0; 1]);
            notice.store(true, Ordering::SeqCst);
            outcome
        });
        while !noticed.load(Ordering::SeqCst) {
            nudge(&thread);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            thread.join().expect("no panic"),
            Err(rustix::io::Errno::INTR)
        );
        drop(writer);
    }
}
