//! Signals as something to read: handlers note them and make a descriptor readable.
//!
//! The handlers are installed over whatever the host program had (Python's `SIGINT` handler would otherwise raise
//! `KeyboardInterrupt` in the middle of an application), and an exec resets them, so children start with defaults.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::signal;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::error::OsError;

/// The signals a supervisor or worker reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// `SIGTERM`.
    Terminate,
    /// `SIGINT`, a `^C` at the terminal.
    Interrupt,
    /// `SIGQUIT`.
    Quit,
    /// `SIGHUP`.
    HangUp,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGTTIN`.
    TerminalIn,
    /// `SIGTTOU`.
    TerminalOut,
    /// `SIGCHLD`: some child changed its state.
    Child,
}

const TAKEN: [(i32, Notice); 9] = [
    (signal::SIGTERM, Notice::Terminate),
    (signal::SIGINT, Notice::Interrupt),
    (signal::SIGQUIT, Notice::Quit),
    (signal::SIGHUP, Notice::HangUp),
    (signal::SIGUSR1, Notice::User1),
    (signal::SIGUSR2, Notice::User2),
    (signal::SIGTTIN, Notice::TerminalIn),
    (signal::SIGTTOU, Notice::TerminalOut),
    (signal::SIGCHLD, Notice::Child),
];

/// The process's signals from now on. Dropping it removes the handlers.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Takes the signals of [`Notice`] and ignores `SIGPIPE`.
    ///
    /// # Errors
    /// [`OsError::Call`] when a handler or the descriptor behind it cannot be made.
    pub fn take() -> Result<Self, OsError> {
        let failed = |source: io::Error| OsError::call("taking the signals", source);
        for (number, _) in TAKEN {
            set_disposition(number, libc::SIG_DFL).map_err(failed)?;
        }
        set_disposition(libc::SIGPIPE, libc::SIG_IGN).map_err(failed)?;
        let (read, write) = UnixStream::pair().map_err(failed)?;
        let numbers = TAKEN.map(|(number, _)| number);
        let delivery =
            SignalDelivery::with_pipe(read, write, SignalOnly, numbers).map_err(failed)?;
        Ok(Self { delivery })
    }

    /// The signals since the last call, each at most once, those that ask for an end first.
    pub fn pending(&mut self) -> Vec<Notice> {
        let numbers: Vec<i32> = self.delivery.pending().collect();
        TAKEN
            .iter()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(_, notice)| *notice)
            .collect()
    }
}

impl AsFd for Signals {
    /// Readable when [`Signals::pending`] has something to tell.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

/// Replaces the handler of a signal by one of the two of the kernel's own.
pub(crate) fn set_disposition(number: i32, disposition: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: SIG_DFL and SIG_IGN, the only values passed, are valid handlers for every signal but KILL and STOP, and
    // those are not passed; no code of ours runs at delivery.
    let before = unsafe { libc::signal(number, disposition) };
    if before == libc::SIG_ERR {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
