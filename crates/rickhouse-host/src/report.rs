//! What the engine has to say, and to whom: each product writes its log in its own words.

use std::time::Duration;

use crate::scripts::{Level, Record};

/// Hears what the engine has to say. It is called detached and may block; it must not call back into the engine.
///
/// Reports about a request come on the thread that serves it, so that an implementer may keep the request they belong to
/// in a thread-local. [`Report::Interrupting`] and [`Report::Injected`] come from a monitor's thread.
pub trait Reporter: Send + Sync {
    /// Takes one report.
    fn report(&self, report: &Report<'_>);

    /// Whether a record of this level is written at all, about the request that the calling thread serves or about the
    /// process: what Python's `logging` formats would be lost otherwise. Called attached, so it must not block.
    fn is_enabled(&self, _level: Level, _in_request: bool) -> bool {
        true
    }
}

/// Something worth a log record. [`Report::records`] turns it into records in the words of mod_wsgi.
#[derive(Debug, Clone, Copy)]
pub enum Report<'a> {
    /// Python code let an exception go.
    Exception(ExceptionReport<'a>),
    /// A request has run for too long and is about to be interrupted.
    Interrupting(Interruption<'a>),
    /// The exception is on its way; follows [`Report::Interrupting`].
    Injected {
        /// The thread's number.
        thread: usize,
    },
    /// A request that was interrupted has ended, and its thread goes on.
    Interrupted {
        /// The request line.
        request: &'a str,
        /// Part of the response had been sent.
        sent: bool,
    },
    /// The client left before its response was complete, or broke off its request; nobody has to act.
    ClientGone {
        /// The request line.
        request: &'a str,
        /// The adapter's exception.
        reason: &'a str,
    },
    /// A complete line of `wsgi.errors` or of a standard stream, without its newline.
    Line {
        /// Written for the request that the calling thread serves.
        in_request: bool,
        /// Any bytes.
        line: &'a [u8],
    },
    /// An application set a signal handler, which was not installed.
    SignalIgnored {
        /// The signal.
        signal: i64,
        /// Who did that, innermost call first.
        stack: &'a [StackLine],
    },
    /// An extension module that does not support free threading switched the GIL on.
    GilSwitchedOn {
        /// The module.
        module: &'a str,
    },
    /// Exit handlers of an interpreter raised.
    ExitHandlersFailed {
        /// The interpreter's name; empty for the main one and in the standalone server.
        interpreter: &'a str,
        /// Their tracebacks.
        detail: &'a str,
    },
    /// Something only scripts have, ready worded (see [`crate::scripts`]).
    Record(&'a Record),
}

/// An exception that Python code let go.
#[derive(Debug, Clone, Copy)]
pub struct ExceptionReport<'a> {
    /// What went wrong.
    pub phase: Phase,
    /// `tp_name` of the exception's class.
    pub class_name: &'a str,
    /// It is a `SystemExit`.
    pub system_exit: bool,
    /// As `traceback.format_exception` shows it, without a newline at the end.
    pub traceback: &'a str,
    /// The request line, empty outside requests.
    pub request: &'a str,
    /// The script that ran; empty in the standalone server.
    pub script: &'a str,
    /// The interpreter's name, empty for the main one.
    pub interpreter: &'a str,
}

/// What was going on when an exception was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A request.
    Request,
    /// As [`Phase::Request`], when looking for the `close` of a response failed.
    CloseLookup,
    /// No request: an import script at the start of a process.
    Startup,
    /// An interpreter was set up.
    InterpreterSetup,
}

/// A request that is about to be interrupted.
#[derive(Debug, Clone, Copy)]
pub struct Interruption<'a> {
    /// The request line.
    pub request: &'a str,
    /// The thread's number.
    pub thread: usize,
    /// Python's ident of the thread.
    pub ident: u64,
    /// The timeout it exceeded.
    pub timeout: Duration,
    /// Where it is, innermost call first; empty when it runs no Python code at the moment.
    pub stack: &'a [StackLine],
}

impl From<rickhouse_python::Frame> for StackLine {
    fn from(frame: rickhouse_python::Frame) -> Self {
        StackLine {
            file: frame.file,
            line: frame.line,
            function: frame.function,
            source: String::new(),
        }
    }
}

/// A Python call on a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackLine {
    /// `co_filename`.
    pub file: String,
    /// The line that runs; 0 when it cannot be told.
    pub line: u32,
    /// The function.
    pub function: String,
    /// The text of that line, when it is at hand.
    pub source: String,
}
