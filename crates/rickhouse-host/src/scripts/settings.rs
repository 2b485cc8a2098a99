//! What a process that runs scripts is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rickhouse_python::InitConfig;

/// Which kind of process this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessKind {
    /// A child of httpd that runs scripts itself.
    Embedded,
    /// A daemon process of this group.
    Daemon(String),
}

impl ProcessKind {
    /// `mod_wsgi.process_group`: the daemon's group; empty in a child of httpd.
    pub fn group(&self) -> &str {
        match self {
            ProcessKind::Embedded => "",
            ProcessKind::Daemon(group) => group,
        }
    }
}

/// What a process runs, and how. Directive names are those whose resolved value goes in; DD is the behavioural reference.
pub struct ProcessSettings {
    /// Where this is.
    pub process: ProcessKind,
    /// How CPython is started (DD §9.2).
    pub init: InitConfig,
    /// `WSGIPythonPath` in a child, `python-path` in a daemon (DD §9.3).
    pub base_path: Vec<PathBuf>,
    /// A daemon's `home`: put at `sys.path[0]` of every interpreter.
    pub home: Option<PathBuf>,
    /// `PYTHON_EGG_CACHE` (`WSGIPythonEggs`, `python-eggs`).
    pub python_eggs: Option<PathBuf>,
    /// A daemon's effective user: corrects `USER`, `USERNAME` and `LOGNAME` in `os.environ` where they are set, and sets
    /// `HOME`.
    pub user: Option<User>,
    /// `wsgi.multithread`
    pub multithread: bool,
    /// `wsgi.multiprocess`
    pub multiprocess: bool,
    /// `wsgi.run_once`
    pub run_once: bool,
    /// `mod_wsgi.maximum_processes`
    pub maximum_processes: i64,
    /// `mod_wsgi.threads_per_process`
    pub threads_per_process: i64,
    /// `WSGICaseSensitivity`: off lower-cases script paths before they become module names.
    pub case_sensitive: bool,
    /// `sys.stdout` becomes the log, and `sys.stdin` may be restricted. Off for `httpd -X`.
    pub replace_streams: bool,
    /// Applied before the main interpreter is set up, which may have an interval of its own: the daemon option `switch-interval`, or in a child the top-level
    /// `WSGISwitchInterval`. Seconds.
    pub switch_interval: Option<f64>,
    /// A request that runs longer is interrupted. Already scaled by the number of threads (DD §4.5.1).
    pub request_timeout: Option<Duration>,
    /// `request-timeout` as it was written, for the log.
    pub configured_timeout: Option<Duration>,
    /// How long an interrupted request may take to end before it counts as stuck; zero: requests are not interrupted and
    /// count as stuck at once (DD §4.5.2).
    pub interrupt_timeout: Duration,
    /// Enter every interpreter once a second, so that [`super::Watch`] can tell one that nobody can enter (DD §4.5.8).
    pub heartbeat: bool,
    /// What the module `apache` says.
    pub apache: ApacheInfo,
    /// Settings of an interpreter by its application group, asked once per interpreter (DD §3.2).
    pub interpreter: Box<dyn Fn(&str) -> InterpreterSettings + Send + Sync>,
}

/// A user of the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: OsString,
    /// The home directory.
    pub home: PathBuf,
}

/// How an interpreter is made (DD §3).
#[derive(Debug, Clone, PartialEq)]
pub struct InterpreterSettings {
    /// `WSGIPerInterpreterGIL`; without effect on the main interpreter and on CPython before 3.12.
    pub own_gil: bool,
    /// The resolved `WSGISwitchInterval`, in seconds, more than 0. Set as it is: it is nothing where the interpreter must not change what it shares
    /// with others (DD §3.5).
    pub switch_interval: Option<f64>,
    /// `WSGIPythonPath` of the matching containers, the least specific first.
    pub python_path: Vec<Vec<PathBuf>>,
    /// `WSGIRestrictStdin`
    pub restrict_stdin: bool,
    /// `WSGIRestrictStdout`
    pub restrict_stdout: bool,
    /// `WSGIRestrictSignal`
    pub restrict_signal: bool,
    /// How many interpreters serve the group: the thread with number n uses the one with number n modulo this. At least 1;
    /// the main interpreter exists once. Each loads and reloads scripts for itself.
    pub copies: usize,
}

impl Default for InterpreterSettings {
    /// What mod_wsgi does without any directive.
    fn default() -> Self {
        InterpreterSettings {
            own_gil: false,
            switch_interval: None,
            python_path: Vec::new(),
            restrict_stdin: false,
            restrict_stdout: false,
            restrict_signal: true,
            copies: 1,
        }
    }
}

/// What the Python module `apache` says of httpd.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApacheInfo {
    /// The version this was compiled against.
    pub version: (u32, u32, u32),
    /// The server's description, such as `Apache/2.4.58 (Unix)`.
    pub description: String,
    /// Such as `event`.
    pub mpm_name: String,
    /// When the server was built.
    pub build_date: String,
    /// The MPM's.
    pub maximum_processes: i64,
    /// The MPM's.
    pub threads_per_process: i64,
}
