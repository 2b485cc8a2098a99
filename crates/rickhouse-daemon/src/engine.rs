//! What a daemon process needs from whatever runs the applications.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_wire::RequestFrame;

use crate::exchange::WireExchange;

/// Python, as the daemon sees it. One per process, started on the main thread after the fork.
///
/// The daemon never finalises it: the process leaves by `_exit` after [`Engine::stop`], or by force before that.
pub trait Engine: Send + Sync + 'static {
    /// What answers requests on one thread.
    type Handler: Handler;

    /// Loads the import scripts, on the main thread before any worker exists. In a process without workers this is the
    /// service itself: a Python handler raises `SystemExit` on `SIGTERM`, and the process ends when this returns.
    fn import(&self);

    /// Makes the handler of worker `number` (from 0), on the worker's own thread, which will also use and drop it.
    fn handler(self: &Arc<Self>, number: usize) -> Self::Handler;

    /// How long ago `RequestTimeout` was raised in the present request of worker `number`; `None` if it was not.
    fn interrupted(&self, number: usize) -> Option<Duration>;

    /// For how long the interpreter that was silent longest could not be entered.
    fn silence(&self) -> Duration;

    /// Publishes `process_signal` to all interpreters. Called on a thread of its own, one signal after the other.
    fn publish_signal(&self, signal: &str);

    /// Publishes `process_stopping` to all interpreters, while requests still run.
    fn publish_stopping(&self, reason: &str);

    /// Logs the Python stacks of the interpreter in which worker `number` is stuck.
    fn dump_stacks(&self, number: usize);

    /// Runs the exit handlers. No request runs any more, unless it is stuck.
    fn stop(&self);
}

/// Answers the requests of one thread.
pub trait Handler {
    /// Answers one request. When it returns, the daemon ends the response: one that was not started becomes a 500, one
    /// that is not whole is visibly cut.
    fn handle(&mut self, request: &RequestFrame<'_>, exchange: &mut WireExchange<'_>) -> Ended;
}

/// How a request ended, as far as the process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Somehow; the exchange knows the rest.
    Answered,
    /// Not begun, because the script has changed: the child tries another process, and this one restarts.
    Rejected,
}

/// Python could not be started. The process ends; its parent waits before it starts another one.
#[derive(Debug)]
pub struct StartError {
    /// Which of the two messages is right.
    pub step: StartStep,
    /// For the log.
    pub reason: String,
}

/// How far the start came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartStep {
    /// CPython itself did not start.
    Python,
    /// The main interpreter could not be prepared.
    Interpreter,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for StartError {}
