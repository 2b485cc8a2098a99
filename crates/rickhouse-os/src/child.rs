//! Child processes: how they ended, and signals to them.

use std::fmt;
use std::io;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait, waitpid};

use crate::error::OsError;

/// The process id of a child that has not been reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(u32);

impl ChildId {
    pub(crate) fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// The number an operator sees.
    #[must_use]
    pub fn as_u32(self) -> u32 {
        self.0
    }

    fn pid(self) -> Option<Pid> {
        i32::try_from(self.0).ok().and_then(Pid::from_raw)
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By `exit` with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => {
                write!(f, "signal {number}")?;
                signal_hook::low_level::signal_name(*number)
                    .map_or(Ok(()), |name| write!(f, " ({name})"))
            }
        }
    }
}

/// The signals a supervisor sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadly {
    /// `SIGTERM`.
    Terminate,
    /// `SIGABRT`: leaves a core file where the system keeps them.
    Abort,
    /// `SIGKILL`: works on a stopped process, too.
    Kill,
}

/// Sends a signal to a child that has not been reaped yet (its number cannot belong to anybody else until then).
///
/// # Errors
/// [`OsError::Call`]: the child changed its user and this process may not signal it, or it has been reaped.
pub fn send(child: ChildId, signal: Deadly) -> Result<(), OsError> {
    let signal = match signal {
        Deadly::Terminate => Signal::TERM,
        Deadly::Abort => Signal::ABORT,
        Deadly::Kill => Signal::KILL,
    };
    let failed = |errno| OsError::call("kill", errno);
    let gone = || OsError::call("kill", io::Error::from(io::ErrorKind::NotFound));
    let pid = child.pid().ok_or_else(gone)?;
    kill_process(pid, signal).map_err(failed)?;
    match signal {
        // Whatever the signal, nothing but SIGKILL gets through to a stopped process before it goes on.
        Signal::ABORT | Signal::TERM => kill_process(pid, Signal::CONT).map_err(failed),
        _ => Ok(()),
    }
}

/// Reaps those of `children` that have ended. Other children of the process (of the Python it runs in, say) are left
/// alone, except as process 1 of a container, whose duty it is to reap every orphan.
#[must_use]
pub fn reap(children: &[ChildId]) -> Vec<(ChildId, Ending)> {
    if getpid().is_init() {
        return reap_everything()
            .into_iter()
            .filter(|(child, _)| children.contains(child))
            .collect();
    }
    let ended = |child: &ChildId| {
        let (_, status) = waitpid(Some(child.pid()?), WaitOptions::NOHANG).ok()??;
        Some((*child, ending(status)?))
    };
    children.iter().filter_map(ended).collect()
}

fn reap_everything() -> Vec<(ChildId, Ending)> {
    let mut reaped = Vec::new();
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if let Some(ending) = ending(status) {
            reaped.push((ChildId(pid.as_raw_nonzero().get().unsigned_abs()), ending));
        }
    }
    reaped
}

fn ending(status: WaitStatus) -> Option<Ending> {
    status
        .exit_status()
        .map(Ending::Code)
        .or_else(|| status.terminating_signal().map(Ending::Signal))
}
