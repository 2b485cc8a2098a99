//! Getting a thread out of a blocking call.
//!
//! A thread that waits in `accept4` sees no flag. A signal without `SA_RESTART` makes the call fail with `EINTR`, after
//! which the thread looks. `SIGURG` is used: its default is to be ignored, so a program that an application starts is
//! not hurt by one that comes late, and nothing here uses out-of-band data.

use std::io;
use std::time::Duration;

use crate::signals::set_disposition;

/// Makes [`Thread::nudge`] interrupt blocking calls instead of being ignored. For the process's life.
///
/// # Errors
/// When the kernel refuses.
pub fn prepare() -> io::Result<()> {
    handle(libc::SIGURG)
}

/// Lets a signal interrupt blocking calls, and do nothing else.
fn handle(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: zeroed is a valid `sigaction`: no flags (hence no SA_RESTART), an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as *const () as libc::sighandler_t;
    // SAFETY: the handler is async-signal-safe, for it does nothing; the old action is not asked for.
    let done = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    checked(done)
}

fn checked(done: libc::c_int) -> io::Result<()> {
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Interrupts blocking calls again and again until it is dropped, by `SIGALRM`; for a process that has one thread.
#[derive(Debug)]
pub struct Ticks(());

/// Begins to interrupt blocking calls of this process at this interval. Nothing else may use `SIGALRM` meanwhile.
///
/// # Errors
/// When the kernel refuses.
pub fn every(interval: Duration) -> io::Result<Ticks> {
    handle(libc::SIGALRM)?;
    set_timer(interval).map(Ticks)
}

impl Drop for Ticks {
    fn drop(&mut self) {
        // Neither fails for valid arguments.
        let _stopped = set_timer(Duration::ZERO);
        let _restored = set_disposition(libc::SIGALRM, libc::SIG_DFL);
    }
}

/// Sets the interval timer of real time; zero stops it.
fn set_timer(interval: Duration) -> io::Result<()> {
    let interval = libc::timeval {
        tv_sec: interval.as_secs().try_into().map_err(io::Error::other)?,
        tv_usec: interval.subsec_micros().into(),
    };
    let timer = libc::itimerval {
        it_interval: interval,
        it_value: interval,
    };
    // SAFETY: a live value is read; the old one is not asked for.
    checked(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) })
}

extern "C" fn nothing(_signal: libc::c_int) {}

/// A thread of this process that may have to be called out of a blocking call, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread(libc::pid_t);

impl Thread {
    /// The calling one.
    #[must_use]
    pub fn current() -> Self {
        Thread(rustix::thread::gettid().as_raw_nonzero().get())
    }

    /// Interrupts the blocking call that the thread is in; whether there is such a thread. One that is about to enter a
    /// call is not stopped by it: repeat until it has noticed what it should notice.
    ///
    /// The number of a thread that has ended may be another one's of this process by now, which does not mind.
    #[must_use]
    pub fn nudge(self) -> bool {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        // SAFETY: tgkill takes numbers, whatever they stand for; the signal is ignored or handled by doing nothing.
        unsafe { libc::syscall(libc::SYS_tgkill, process, self.0, libc::SIGURG) == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_blocking_read_is_interrupted() {
        prepare().expect("a handler");
        let (reader, writer): (OwnedFd, OwnedFd) = rustix::pipe::pipe().expect("a pipe");
        let noticed = Arc::new(AtomicBool::new(false));
        let notice = Arc::clone(&noticed);
        let (told, number) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            told.send(Thread::current()).expect("somebody listens");
            let outcome = rustix::io::read(reader.as_fd(), &mut [0; 1]);
            notice.store(true, Ordering::SeqCst);
            outcome
        });
        let reading = number.recv().expect("it runs");
        while !noticed.load(Ordering::SeqCst) {
            assert!(reading.nudge() || noticed.load(Ordering::SeqCst));
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            thread.join().expect("no panic"),
            Err(rustix::io::Errno::INTR)
        );
        // Joined, it has ended for us a moment before the kernel forgets its number.
        while reading.nudge() {
            std::thread::yield_now();
        }
        drop(writer);
    }
}
