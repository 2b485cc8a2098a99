//! What can go wrong between a process and the kernel.

use std::io;
use std::path::PathBuf;

/// A failed operation of this crate. The variant names the operation; the cause is the [source](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
pub enum OsError {
    /// A program could not be started.
    #[error("cannot start {program}")]
    Exec {
        /// The program as it was asked for.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A user name or number is not in the user database.
    #[error("there is no user {0:?}")]
    UnknownUser(String),
    /// A group name or number is not in the group database.
    #[error("there is no group {0:?}")]
    UnknownGroup(String),
    /// The kernel refused to change the process's user or groups.
    #[error("cannot become {who}: {step} failed")]
    Credentials {
        /// User and group that were asked for.
        who: String,
        /// The call that failed.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The old privileges could be taken back after they were given up, so they were not given up.
    #[error("still able to regain root after becoming {who}")]
    PrivilegesKept {
        /// User and group that were asked for.
        who: String,
    },
    /// Another live process holds the pid file.
    #[error("{path} belongs to process {pid}, which is running")]
    PidFileTaken {
        /// The pid file.
        path: PathBuf,
        /// The process named in it.
        pid: u32,
    },
    /// The pid file could not be read or written.
    #[error("cannot write the pid file {path}")]
    PidFile {
        /// The pid file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A descriptor that a parent process promised is not there, or the promise cannot be read.
    #[error("inherited descriptor {what}: {problem}")]
    Inherited {
        /// Its name, or the text that names it.
        what: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A system call without a better name of its own.
    #[error("{call} failed")]
    Call {
        /// The call.
        call: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OsError {
    /// Wraps the failure of `call`.
    pub(crate) fn call(call: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Call {
            call,
            source: source.into(),
        }
    }
}
