//! What a daemon process is told: the options of its group, resolved, and what its parent made for it.

use std::ffi::{CString, OsString};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rickhouse_wire::Token;

use crate::rest::Rest;

/// Everything about one daemon process that is not Python (DD §4.2, §10.2).
#[derive(Debug)]
pub struct Settings {
    /// Name of the group.
    pub group: String,
    /// The group's listening socket, blocking; its siblings and its parent have it too.
    pub listener: OwnedFd,
    /// Where the socket is, for messages.
    pub socket_path: PathBuf,
    /// The secret that requests must show.
    pub token: Token,
    /// Threads that answer requests; 0 makes the process run its import scripts and end (DD §4.6).
    pub threads: usize,
    /// Bytes of stack of each thread; `None` leaves Rust's 2 MiB.
    pub stack_size: Option<usize>,
    /// Whether all threads need the same GIL. Not so on a free-threaded build, or where interpreters have a GIL each:
    /// then every idle thread waits for requests at the same time.
    pub one_gil: bool,
    /// A wait at the beginning, after a process that failed.
    pub rest: Option<Rest>,
    /// How the process changes itself before it starts Python.
    pub setup: Setup,
    /// What ends the process, and how long that may take.
    pub timers: TimerSettings,
    /// Longest wait for the child while reading or writing (`socket-timeout`, else httpd's `Timeout`); `None` waits for ever.
    pub socket_timeout: Option<Duration>,
    /// Longest time from httpd's reception of a request to its pick-up here.
    pub queue_timeout: Option<Duration>,
    /// Bytes of a response that the kernel holds for a slow child (`SO_SNDBUF` of each connection with a large response).
    pub send_buffer: usize,
}

/// Default of [`Settings::send_buffer`]: 1 MiB, of which the kernel grants as much as `net.core.wmem_max` allows.
pub const SEND_BUFFER: usize = 1 << 20;

/// How the process changes itself, in the order of DD §10.2.
#[derive(Debug, Default)]
pub struct Setup {
    /// `display-name`.
    pub display_name: Option<String>,
    /// `cpu-priority`; `None` leaves it.
    pub priority: Option<i32>,
    /// `chroot`, absolute.
    pub chroot: Option<PathBuf>,
    /// Who to become; `None` for a process that is not root.
    pub identity: Option<Identity>,
    /// `home`; without it see [`Setup::server_user`].
    pub home: Option<PathBuf>,
    /// httpd's `User`: a process of another user works in that user's home directory unless `home` says otherwise.
    pub server_user: Option<u32>,
    /// `umask`.
    pub umask: Option<u32>,
    /// `CoreDumpDirectory` is configured: allow a memory dump although the user has changed.
    pub core_dump: bool,
    /// End when this process, the parent, does.
    pub parent: Option<u32>,
    /// `cpu-time-limit`, seconds.
    pub cpu_time_limit: Option<u64>,
    /// `memory-limit`, bytes.
    pub memory_limit: Option<u64>,
    /// `virtual-memory-limit`, bytes.
    pub virtual_memory_limit: Option<u64>,
    /// `lang`.
    pub lang: Option<OsString>,
    /// `locale`.
    pub locale: Option<OsString>,
}

/// A user and groups to run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Login name, for its groups.
    pub user_name: CString,
    /// `supplementary-groups`: numbers, and the text as configured for messages; without it the user's own groups.
    pub supplementary: Option<(Vec<u32>, String)>,
}

/// Times after which something happens to the process; `None` is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerSettings {
    /// `startup-timeout`: from the first request until some request has its script loaded.
    pub startup: Option<Duration>,
    /// `deadlock-timeout`: while an interpreter cannot be entered.
    pub deadlock: Option<Duration>,
    /// `inactivity-timeout`: since the last sign of a request.
    pub inactivity: Option<Duration>,
    /// `request-timeout` as configured, not yet scaled with the number of threads.
    pub request: Option<Duration>,
    /// `interrupt-timeout`: how long a request may go on after it was interrupted.
    pub interrupt: Option<Duration>,
    /// `graceful-timeout`: how long running requests are waited for; zero does not wait.
    pub graceful: Duration,
    /// `eviction-timeout`: the same for `SIGUSR1`; without it the graceful one.
    pub eviction: Option<Duration>,
    /// `restart-interval`: since the process began to serve.
    pub restart_interval: Option<Duration>,
    /// `shutdown-timeout`: how long the end itself may take.
    pub shutdown: Option<Duration>,
    /// `maximum-requests`.
    pub maximum_requests: Option<u64>,
}

impl Default for TimerSettings {
    /// The defaults of DD §4.2.
    fn default() -> Self {
        Self {
            startup: None,
            deadlock: Some(Duration::from_secs(300)),
            inactivity: None,
            request: None,
            interrupt: None,
            graceful: Duration::from_secs(15),
            eviction: None,
            restart_interval: None,
            shutdown: Some(Duration::from_secs(5)),
            maximum_requests: None,
        }
    }
}

/// The age at which a request of a process with so many threads is too old: `timeout · (1 + ln threads)` (DD §4.5.1).
#[must_use]
pub fn scaled_request_timeout(timeout: Duration, threads: usize) -> Duration {
    // Exact for any number of threads that a process can have.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 threads")]
    let threads = threads.max(1) as f64;
    timeout.mul_f64(1.0 + threads.ln())
}
