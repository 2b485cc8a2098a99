//! Why a process ends.

use std::fmt;

/// Delivered to applications as `shutdown_reason` (DD §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A request took too long.
    RequestTimeout,
    /// No request got its script loaded.
    StartupTimeout,
    /// The process has served for long enough.
    RestartInterval,
    /// An interpreter could not be entered.
    DeadlockTimeout,
    /// Nothing happened for long enough.
    InactivityTimeout,
    /// It has answered enough requests.
    MaximumRequests,
    /// It has used enough CPU time.
    CpuTimeLimit,
    /// `SIGUSR1` where there is an `eviction-timeout`.
    EvictionSignal,
    /// `SIGUSR1`.
    GracefulSignal,
    /// `SIGTERM` or `SIGINT`.
    ShutdownSignal,
    /// Signals could not be read any more.
    SignalPipeError,
    /// A script has changed.
    ScriptReload,
}

impl Reason {
    /// As applications see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::RequestTimeout => "request_timeout",
            Reason::StartupTimeout => "startup_timeout",
            Reason::RestartInterval => "restart_interval",
            Reason::DeadlockTimeout => "deadlock_timeout",
            Reason::InactivityTimeout => "inactivity_timeout",
            Reason::MaximumRequests => "maximum_requests",
            Reason::CpuTimeLimit => "cpu_time_limit",
            Reason::EvictionSignal => "eviction_signal",
            Reason::GracefulSignal => "graceful_signal",
            Reason::ShutdownSignal => "shutdown_signal",
            Reason::SignalPipeError => "signal_pipe_error",
            Reason::ScriptReload => "script_reload",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
