//! How a relayed request ends.

use std::io;

use rickhouse_wire::WireError;

/// There is no response; nothing has been sent to the client. The codes are those of DD §12.5.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No socket could be made (0115).
    #[error("a socket could not be made")]
    Socket(#[source] io::Error),
    /// The queue stayed full, or nobody listened, until the connect timeout had passed (0116).
    #[error("the daemon's queue stayed full")]
    Backlog,
    /// The daemon's socket is missing or closed to this user (0117).
    #[error("the daemon's socket cannot be used")]
    Connect(#[source] io::Error),
    /// The request could not be sent (0121; 0125 when it was sent before, to a daemon that restarted).
    #[error("the request could not be sent")]
    Send {
        /// Whether it had been sent before.
        again: bool,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// So many daemons restarted instead of answering (0124).
    #[error("{0} daemons restarted instead of answering")]
    Rejected(u32),
    /// The client's body could not be read (0126).
    #[error("the request's body could not be read")]
    Body(#[source] io::Error),
    /// A header of the response is longer than allowed (0144).
    #[error("a line of the response's head is too long")]
    HeaderTooLong,
    /// No head of a response in time (0145).
    #[error("the daemon did not answer in time")]
    Timeout,
    /// The daemon closed the connection before the response's head (0146).
    #[error("the daemon closed the connection")]
    Closed,
    /// The head could not be read (0147).
    #[error("the response's head could not be read")]
    Read(#[source] io::Error),
    /// What came is no response (0148).
    #[error("what the daemon sent is no response")]
    Malformed(#[source] Nonsense),
}

/// A violation of the wire's rules.
#[derive(Debug, thiserror::Error)]
pub enum Nonsense {
    /// No frame.
    #[error("{0}")]
    Frame(#[from] WireError),
    /// A frame where it has no place.
    #[error("a {0} frame in the wrong place")]
    Order(&'static str),
    /// A head that is not to be passed on.
    #[error("a head with {0}")]
    Head(&'static str),
    /// A file frame without a descriptor, or with one of something else, or of a part that is not there.
    #[error("a file frame without such a part of a regular file")]
    File,
    /// The response ends before the length that its head tells.
    #[error("a response that is shorter than it says")]
    Short,
}

/// How a request ended that the daemon has answered.
#[derive(Debug)]
pub enum Answer<I> {
    /// The response was passed on whole.
    Complete,
    /// It was read and dropped; this takes its place.
    Instead(I),
    /// The daemon wants this status to be shown.
    Status(u16),
    /// The request waited in the queue for longer than `queue-timeout`.
    QueueTimeout,
    /// The response ends too early, and the client can see it: because of this, or (`None`) because the application
    /// failed, which the daemon has said in its log.
    Truncated(Option<Failure>),
    /// The client takes no more; while it was asked to flush, or to take data.
    ClientLost {
        /// Whether the failing piece was a flush.
        flushing: bool,
        /// Why.
        error: io::Error,
    },
}
