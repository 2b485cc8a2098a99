//! What the options mean: typed, checked, and complete, so that nobody has to check again.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::values::{AllowedProxies, Bind, LogFile, Target};

/// The whole configuration of a server.
///
/// A field carries the name of its option (`--max-requests` is [`max_requests`](Config::max_requests)). `None` is
/// always a choice with a meaning of its own ("no limit", "off"), never "not looked at yet". Relative paths have been
/// joined to the directory the command was started in, so a later `chdir` does not change what they name; the exception is
/// the path of a Unix socket, whose length the system limits.
///
/// The supervisor hands this to its workers as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The application. A file target is absolute (joined to [`chdir`](Config::chdir) where that is given).
    pub target: Target,
    /// Where to listen; never empty.
    pub bind: Vec<Bind>,

    /// Worker processes, at least 1.
    pub workers: usize,
    /// Python threads of each interpreter, at least 1.
    pub threads: usize,
    /// Sub-interpreters of each worker, at least 1; `None` serves from the main interpreter.
    pub interpreters: Option<usize>,
    /// What was asked for; [`check_gil`](crate::check_gil) says what that is on the running Python.
    pub gil: GilMode,
    /// `sys.setswitchinterval` for every interpreter; `None` leaves CPython's.
    pub switch_interval: Option<Duration>,

    /// Directory to change to before the application is loaded; absolute.
    pub chdir: Option<PathBuf>,
    /// Directories to put in front of `sys.path`, in this order; absolute.
    pub pythonpath: Vec<PathBuf>,
    /// `SCRIPT_NAME`: empty, or `/…` without a final slash.
    pub root_path: String,

    /// How long the application may work on one request; `None` for as long as it likes.
    pub request_timeout: Option<Duration>,
    /// How long an interrupted request may take to come back before its worker is replaced.
    pub interrupt_timeout: Duration,
    /// How long running requests may take to finish when a worker stops.
    pub graceful_timeout: Duration,
    /// How long a worker may take to load the application.
    pub startup_timeout: Duration,
    /// Silence after which a worker is replaced; `None` turns the watchdog off.
    pub timeout: Option<Duration>,

    /// How long an idle connection is kept; zero closes after every response.
    pub keep_alive: Duration,
    /// How long a client may take to send a request head.
    pub header_timeout: Duration,
    /// How long a read of a request body may wait for its client.
    pub body_timeout: Duration,
    /// How long a write of a response may wait for its client.
    pub write_timeout: Duration,
    /// Length of the listen queue handed to `listen(2)`.
    pub backlog: u32,
    /// Requests that may wait for a thread in one worker; zero refuses at once.
    pub queue_limit: usize,
    /// How long a request may wait for a thread.
    pub queue_timeout: Duration,
    /// Open connections of one worker.
    pub max_connections: usize,

    /// Bytes of a request line.
    pub limit_request_line: usize,
    /// Number of header fields of a request.
    pub limit_request_fields: usize,
    /// Bytes of a whole request head.
    pub limit_request_header_size: usize,
    /// Bytes of one header field, name and value.
    pub limit_request_field_size: usize,
    /// Bytes of a request body; `None` for any.
    pub limit_request_body: Option<u64>,
    /// Bytes of a request body read before Python is entered.
    pub request_buffer: usize,
    /// Bytes of a response collected before they are written.
    pub response_buffer: usize,

    /// Requests after which a worker is replaced; `None` for never.
    pub max_requests: Option<u64>,
    /// Up to so many requests are added to [`max_requests`](Config::max_requests), each worker its own number.
    pub max_requests_jitter: u64,

    /// Whether every connection starts with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Peers whose forwarding headers are believed.
    pub forwarded_allow_ips: AllowedProxies,

    /// Where the access log goes ([`LogFile::Standard`] is standard output); `None` keeps none.
    pub access_logfile: Option<LogFile>,
    /// A format's name (`common`, `combined`, `json`) or an Apache format string.
    pub access_logformat: String,
    /// Where the error log goes ([`LogFile::Standard`] is standard error).
    pub error_logfile: LogFile,
    /// The least severe records that are logged.
    pub log_level: LogLevel,

    /// Path answered `200` while the worker lives, without entering Python.
    pub health_path: Option<String>,
    /// Path answered `200` while the worker takes requests, `503` otherwise, without entering Python.
    pub ready_path: Option<String>,
    /// A further listener that answers only `/healthz` and `/readyz`.
    pub health_bind: Option<Bind>,

    /// Whether a change of source code replaces the workers.
    pub reload: bool,
    /// Files watched besides the loaded modules; absolute.
    pub reload_extra_file: Vec<PathBuf>,
    /// File that gets the supervisor's process id; absolute.
    pub pid: Option<PathBuf>,
    /// User (name or number) the workers run as. Not yet looked up.
    pub user: Option<String>,
    /// Group (name or number) the workers run as. Not yet looked up.
    pub group: Option<String>,
    /// File mode creation mask of every process.
    pub umask: Option<u32>,
    /// Value of the `Server` response header; `None` sends none.
    pub server_header: Option<String>,
}

/// How the threads of a worker share the interpreter, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GilMode {
    /// [`Off`](GilMode::Off) where the running Python has no GIL, else [`Shared`](GilMode::Shared).
    Auto,
    /// One GIL for all interpreters of a worker.
    Shared,
    /// A GIL for each sub-interpreter (PEP 684).
    Own,
    /// No GIL (PEP 703).
    Off,
}

/// The least severe records that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// An operator has to act.
    Error,
    /// Degraded, but recovered.
    Warn,
    /// Life cycle.
    Info,
    /// Each connection and request.
    Debug,
    /// Everything.
    Trace,
}
