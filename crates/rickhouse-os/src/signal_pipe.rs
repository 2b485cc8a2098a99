//! Signals as bytes to read, for a process that was forked and not executed.
//!
//! No signal is blocked for it: a blocked mask would be inherited by every program that an application starts. The
//! handlers are inherited too, by processes that an application forks; one of those must not write into the pipe of the
//! process it came from, and ends instead (DD §10.5).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::signals::set_disposition;

/// A signal that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGHUP`.
    HangUp,
    /// `SIGXCPU`.
    CpuTime,
    /// `SIGCHLD`.
    Child,
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::User1 => libc::SIGUSR1,
            Signal::User2 => libc::SIGUSR2,
            Signal::HangUp => libc::SIGHUP,
            Signal::CpuTime => libc::SIGXCPU,
            Signal::Child => libc::SIGCHLD,
        }
    }
}

/// The exit status of a forked process that gets a signal meant for the one it came from.
const STRAY: i32 = 255;

/// The reading end: one byte for each signal, in the order of arrival. When the pipe is full, signals are dropped.
#[derive(Debug)]
pub struct SignalPipe {
    reader: OwnedFd,
    /// Written by the handlers, which stay installed: kept open for as long as the process lives.
    _writer: &'static OwnedFd,
}

impl SignalPipe {
    /// Takes signals from now on, each as the byte given with it, and for good: the handlers stay when this is dropped.
    ///
    /// # Errors
    /// When the pipe or a handler cannot be made.
    pub fn take(signals: &[(Signal, u8)]) -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        let writer: &'static OwnedFd = Box::leak(Box::new(writer));
        let owner = std::process::id();
        for (signal, byte) in signals {
            let number = signal.number();
            // Whatever httpd had for it is not to be called as well.
            set_disposition(number, libc::SIG_DFL)?;
            let (fd, byte) = (writer.as_raw_fd(), *byte);
            let handler = move || on_signal(owner, fd, byte);
            // SAFETY: the handler calls getpid, write and _exit only, which are async-signal-safe, and neither panics
            // nor allocates.
            unsafe { signal_hook::low_level::register(number, handler) }?;
        }
        Ok(SignalPipe {
            reader,
            _writer: writer,
        })
    }

    /// The next byte, waiting for at most `timeout` (`None`: until there is one). `None` when the time passed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn next(&self, timeout: Option<Duration>) -> io::Result<Option<u8>> {
        let ready =
            crate::poll::readable(&[self.reader.as_fd()], timeout).map_err(io::Error::other)?;
        if !ready[0] {
            return Ok(None);
        }
        let mut byte = [0];
        match rustix::io::read(&self.reader, &mut byte) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Some(byte[0])),
            Err(Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Puts a byte into the pipe as a signal would, from a thread of this process.
    pub fn notify(&self, byte: u8) {
        // A full pipe has enough to tell.
        let _full = rustix::io::write(self._writer, &[byte]);
    }
}

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Whether the calling thread is inside of a handler of `signal`, or has it blocked for another reason: a signal is blocked
/// while its handler runs.
pub fn is_blocked(signal: Signal) -> bool {
    let mut mask = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: without a new mask nothing is changed; the present one is written to the variable.
    if unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call above has written it; zeroed is a valid set, too.
    let mask = unsafe { mask.assume_init() };
    // SAFETY: a set and the number of a signal.
    unsafe { libc::sigismember(&raw const mask, signal.number()) == 1 }
}

/// Ignores a broken pipe and a file that would grow too large: both are reported by the call that meets them.
///
/// # Errors
/// When the kernel refuses.
pub fn ignore_write_signals() -> io::Result<()> {
    set_disposition(libc::SIGPIPE, libc::SIG_IGN)?;
    set_disposition(libc::SIGXFSZ, libc::SIG_IGN)
}

/// Lets these signals do what they do by default; for a process that was forked and has no handlers of its own yet.
///
/// # Errors
/// When the kernel refuses.
pub fn restore_default(signals: &[Signal]) -> io::Result<()> {
    signals
        .iter()
        .try_for_each(|signal| set_disposition(signal.number(), libc::SIG_DFL))
}

/// Ignores these signals from now on, for a process that is about to end.
///
/// # Errors
/// When the kernel refuses.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    signals
        .iter()
        .try_for_each(|signal| set_disposition(signal.number(), libc::SIG_IGN))
}

/// Gives a signal its default meaning, which is what an interpreter wants to find when it installs a handler of its own.
///
/// # Errors
/// When the kernel refuses.
pub fn reset(signals: &[Signal]) -> io::Result<()> {
    signals
        .iter()
        .try_for_each(|signal| set_disposition(signal.number(), libc::SIG_DFL))
}

fn on_signal(owner: u32, fd: i32, byte: u8) {
    if std::process::id() != owner {
        crate::process::exit_now(STRAY);
    }
    // The interrupted code may be about to look at errno.
    // SAFETY: returns a pointer to the calling thread's errno, which lives as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the pointer is valid, see above.
    let before = unsafe { errno.read() };
    // SAFETY: the descriptor is open for as long as the process lives; one byte is read from a live variable.
    let _full = unsafe { libc::write(fd, (&raw const byte).cast(), 1) };
    // SAFETY: as for the read.
    unsafe { errno.write(before) };
}
