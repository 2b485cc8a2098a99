//! Starting a child process in a role: an exec with chosen descriptors, tied to the life of its parent.
//!
//! Descriptors of this process are close-on-exec throughout; only the ones named in [`Exec::descriptors`] lose the flag,
//! and only in the child between fork and exec, so two children never see each other's.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use crate::child::ChildId;
use crate::error::OsError;

/// A child process to be.
#[derive(Debug)]
pub struct Exec<'fd> {
    /// Program to run; looked up in `PATH` when it has no slash.
    pub program: PathBuf,
    /// Arguments after `argv[0]`.
    pub arguments: Vec<OsString>,
    /// Environment variables the child must not inherit.
    pub forget: Vec<OsString>,
    /// Environment variables the child gets besides those it inherits, or with other values.
    pub environment: Vec<(OsString, OsString)>,
    /// Descriptors the child gets, each under a name; the numbers stay what they are here.
    pub descriptors: Vec<(String, BorrowedFd<'fd>)>,
}

impl Exec<'_> {
    /// The text by which the child finds its descriptors: `name=number,…`, read by [`crate::inherit::Inherited`].
    #[must_use]
    pub fn descriptor_argument(descriptors: &[(String, BorrowedFd<'_>)]) -> String {
        let mut text = String::new();
        for (name, fd) in descriptors {
            let separator = if text.is_empty() { "" } else { "," };
            write!(text, "{separator}{name}={}", fd.as_raw_fd())
                .expect("writing to a String does not fail");
        }
        text
    }

    /// Forks and execs. The child gets `SIGTERM` when the calling thread ends, however it ends (a supervisor killed by
    /// `kill -9` leaves no worker behind); a parent that died before the child could ask for that is noticed as well.
    ///
    /// Call it from the main thread and before the process has others: the death signal follows the calling *thread*,
    /// and the child's few steps before exec rely on no lock being held by a thread that does not exist there.
    ///
    /// # Errors
    /// [`OsError::Exec`] when the process cannot be forked or the program cannot be executed.
    pub fn spawn(self) -> Result<ChildId, OsError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for name in &self.forget {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let numbers: Vec<RawFd> = self
            .descriptors
            .iter()
            .map(|(_, fd)| fd.as_raw_fd())
            .collect();
        let parent = getpid();
        // SAFETY: the closure runs in the forked child before exec. It allocates nothing, takes no lock and makes only
        // the async-signal-safe calls prctl, getppid and fcntl; the vector it reads was filled before the fork.
        unsafe { command.pre_exec(move || prepare_child(parent, &numbers)) };
        let child = command.spawn().map_err(|source| OsError::Exec {
            program: self.program.clone(),
            source,
        })?;
        Ok(ChildId::new(child.id()))
    }
}

/// What the child does between fork and exec.
fn prepare_child(parent: Pid, descriptors: &[RawFd]) -> io::Result<()> {
    die_with_parent(parent)?;
    for &number in descriptors {
        // SAFETY: the caller of `spawn` lends these descriptors until it returns, and a fork copies the descriptor
        // table, so the number is open here and stays so.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
    }
    Ok(())
}

/// Asks for `SIGTERM` at the parent's death, and fails if the parent has died already.
fn die_with_parent(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Asks again for `SIGTERM` at the death of the parent: a change of user clears the request that [`Exec::spawn`] made.
///
/// # Errors
/// [`OsError::Call`] when the parent is not process `parent` any more: it has died, and the caller should end as well.
pub fn renew_death_signal(parent: u32) -> Result<(), OsError> {
    let refused = || {
        OsError::call(
            "finding the parent process",
            io::Error::from(io::ErrorKind::NotFound),
        )
    };
    let parent = i32::try_from(parent)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(refused)?;
    die_with_parent(parent)
        .map_err(|source| OsError::call("renewing the parent death signal", source))
}
