//! A request for a script, and how it can end.

use std::path::Path;
use std::time::Duration;

/// Which callable of which script serves a request, and in which interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The script file; for handler scripts, the handler script.
    pub script: &'a Path,
    /// The interpreter.
    pub application_group: &'a str,
    /// The name of the callable in the script's module; looked up, not evaluated.
    pub callable: &'a str,
    /// The argument of the script's `reload_required`: the request's file name.
    pub resource: &'a Path,
    /// The script's modification time in microseconds since 1970, when the front end has it; otherwise the file is asked.
    pub mtime: Option<i64>,
    /// What happens when the script has changed.
    pub reload: Reload,
    /// How long ago the request began, for the request timeout.
    pub age: Duration,
}

/// What happens when a script that is loaded has changed (DD §5.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// Nothing: `WSGIScriptReloading Off`.
    Off,
    /// It is loaded again, and serves the request.
    InPlace,
    /// The request is left alone ([`Ended::Rejected`]): a new process has to serve it.
    Reject,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// The response is complete, or the client left.
    Responded,
    /// The application raised; the exchange was told to fail.
    Failed,
    /// The request timeout interrupted it; the exchange was told to fail.
    TimedOut,
    /// No callable could be called: no interpreter, no module, no such attribute. It was reported, and the exchange was
    /// told to fail.
    NotFound,
    /// The script has changed under [`Reload::Reject`]. The exchange was not touched.
    Rejected,
    /// [`crate::Exchange::admit`] failed. The exchange was not touched after that.
    NotAdmitted,
    /// The process is stopping and runs no Python any more; the exchange was told to fail.
    Stopped,
}
