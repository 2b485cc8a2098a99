//! What a group hears and what it says.

use std::fmt;
use std::time::{Duration, Instant};

use rickhouse_os::child::Ending;
use serde::{Deserialize, Serialize};

/// A worker for its whole life; never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The workers of one start or reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How soon something has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// After the running requests.
    Graceful,
    /// Now.
    Fast,
}

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End the group. A repeated one is taken as more urgent than the last.
    Stop(Urgency),
    /// Replace all workers by new ones, if those start. During a reload it supersedes that one.
    Reload,
    /// One worker more.
    More,
    /// One worker less, but not the last.
    Fewer,
    /// Open the log files again.
    ReopenLogs,
}

/// Whose fault a failed start is; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The application did not load: it raised, ended the process, or took too long.
    Application,
    /// Anything else: the process did not get as far as the application, or its surroundings are wrong.
    Process,
}

impl FailureKind {
    /// The exit code of a group whose first start failed so.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Application => 3,
            Self::Process => 1,
        }
    }
}

/// Why a worker did not become ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFailure {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// For the log; may have many lines (a traceback).
    pub text: String,
}

/// Why a worker asks to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetireReason {
    /// It has answered as many requests as it was meant to.
    MaxRequests {
        /// How many.
        answered: u64,
    },
    /// It got `SIGTERM` itself.
    Asked,
    /// Something in it cannot be interrupted; the text says what, with stacks where they could be had.
    Stuck {
        /// For the log; may have many lines.
        text: String,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Nothing but time has passed.
    Tick,
    /// The process asked for by [`Action::Spawn`] could not be made.
    SpawnFailed(WorkerId, String),
    /// A worker begins to load the application: what goes wrong from now on is the application's.
    Loading(WorkerId),
    /// A worker serves.
    Ready(WorkerId),
    /// A worker says that it cannot serve; it will exit by itself.
    BootFailed(WorkerId, BootFailure),
    /// A worker asks for its replacement and serves on until it is drained.
    RetireRequested(WorkerId, RetireReason),
    /// The channel of a worker whose process lives is closed, or it spoke nonsense: it can be neither heard nor told.
    ChannelLost(WorkerId),
    /// When a worker last moved its pulse.
    Alive(WorkerId, Instant),
    /// A worker process has been reaped.
    Exited(WorkerId, Ending),
    /// An operator's wish.
    Command(Command),
}

/// What the owner of the processes has to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process for this worker; answer with [`Event::SpawnFailed`] if that cannot be done.
    Spawn(WorkerId, Generation),
    /// Ask the worker to take no new requests, finish the running ones within the time, and exit.
    Drain(WorkerId, Duration),
    /// Ask the worker to run its exit handlers and exit.
    Stop(WorkerId),
    /// Send `SIGABRT`.
    Abort(WorkerId),
    /// Send `SIGKILL`.
    Kill(WorkerId),
    /// Ask the worker to open its log files again.
    ReopenLogs(WorkerId),
    /// Tell the service manager.
    Announce(Status),
    /// Tell the log.
    Report(Report),
    /// Every worker is gone: end the supervisor with this code. Always the last action.
    Exit(i32),
}

/// State of the whole group, as a service manager knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All workers wanted are in service (again).
    Ready,
    /// New workers are being started to replace the old.
    Reloading,
    /// On the way down.
    Stopping,
}

/// News for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A worker is in service.
    WorkerReady(WorkerId),
    /// A worker in service ended without being asked. No other is started before the wait is over.
    WorkerCrashed {
        /// Which.
        worker: WorkerId,
        /// How it ended.
        ending: Ending,
        /// How long it had served.
        uptime: Duration,
        /// How long nothing will be started.
        wait: Duration,
    },
    /// A worker that was asked to end did.
    WorkerLeft(WorkerId, Ending),
    /// A worker in service did not move its pulse for too long and is replaced.
    WorkerSilent(WorkerId, Duration),
    /// A worker did not finish its requests within the graceful time and is killed.
    DrainTimedOut(WorkerId),
    /// A worker in service cannot be spoken with any more and is replaced.
    WorkerUnreachable(WorkerId),
    /// A worker asked for its replacement.
    WorkerRetiring(WorkerId, RetireReason),
    /// The very first start failed, the group ends.
    StartFailed(WorkerId, BootFailure),
    /// A worker that replaces a lost one did not start; the next attempt comes after the wait.
    RespawnFailed {
        /// Which.
        worker: WorkerId,
        /// Why.
        failure: BootFailure,
        /// How long nothing will be started.
        wait: Duration,
    },
    /// All workers of the first generation are in service.
    Started(usize),
    /// A reload has begun.
    ReloadBegun(Generation),
    /// The new generation is in charge, the old one drains.
    Reloaded(Generation),
    /// The new generation did not start; the old one stays in charge.
    ReloadFailed {
        /// The generation that failed.
        generation: Generation,
        /// The first of its failures.
        failure: BootFailure,
    },
    /// A reload was asked for during a reload: the unfinished one is given up for a new one.
    ReloadSuperseded(Generation),
    /// The number of workers wanted has changed.
    TargetChanged(usize),
    /// The group is on its way down.
    Stopping(Urgency),
}
