//! What can go wrong while a server is set up.

use std::io;

/// Why a server could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The readiness set could not be made (out of descriptors).
    #[error("cannot make the readiness set")]
    Readiness(#[source] io::Error),
    /// A listener could not be watched.
    #[error("cannot watch the listener {listener}")]
    Watch {
        /// The listener's address.
        listener: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

/// Why an access-log format is not one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFormatError {
    /// A `%` at the very end.
    #[error("the access-log format ends inside a directive")]
    Unfinished,
    /// A directive that does not exist, or that needs a `{name}` and has none (or the reverse).
    #[error("unknown access-log directive {0:?}")]
    Unknown(String),
}
