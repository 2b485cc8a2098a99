//! What a host is asked to run.

use std::path::PathBuf;
use std::time::Duration;

/// Where the WSGI callable is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A dotted module name, or a file.
    pub source: Source,
    /// The attribute path of the callable; without one `application` and then `app` are tried.
    pub attribute: Option<String>,
    /// The attribute is a factory that returns the callable.
    pub call: bool,
}

/// The module that holds the callable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A dotted name, imported along `sys.path`.
    Module(String),
    /// A `.py` or `.wsgi` file.
    File(PathBuf),
}

/// The interpreters an application is served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpreters {
    /// The main interpreter of the process, which has no import limits.
    Main,
    /// This many sub-interpreters under the main interpreter's GIL (or under none, on a free-threaded build).
    Shared(usize),
    /// This many sub-interpreters, each with a GIL of its own (PEP 684).
    Own(usize),
}

/// What a [`crate::Host`] runs, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application.
    pub target: Target,
    /// Put at the front of `sys.path`, in this order.
    pub python_path: Vec<PathBuf>,
    /// The interpreters that serve it.
    pub interpreters: Interpreters,
    /// Threads per interpreter.
    pub threads: usize,
    /// `sys.setswitchinterval` for every interpreter; `None` leaves CPython's.
    pub switch_interval: Option<Duration>,
    /// A request that runs longer is interrupted; `None` lets it run.
    pub request_timeout: Option<Duration>,
    /// How long an interrupted request may take to end before its thread counts as stuck.
    pub interrupt_timeout: Duration,
    /// `wsgi.multiprocess`.
    pub multiprocess: bool,
    /// `wsgi.run_once`.
    pub run_once: bool,
}

impl Settings {
    /// `wsgi.multithread`: whether the application object may be called by two threads at a time.
    pub fn multithread(&self) -> bool {
        self.threads > 1
    }
}
