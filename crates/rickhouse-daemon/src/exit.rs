//! The exit statuses of a daemon process, for its parent.

/// It was asked to end, or decided to: start another one at once.
pub const CLEAN: i32 = 0;
/// It did not end within `shutdown-timeout` and was ended by force.
pub const FORCED: i32 = 255;
/// It could not become what it should be (user, directory, pipes, threads): wait before starting another one.
pub const SETUP_FAILED: i32 = 78;
/// No connection could be accepted any more; `EX_OSERR`.
pub const ACCEPT_FAILED: i32 = 71;
/// Python could not be started: wait before starting another one.
pub const PYTHON_FAILED: i32 = 70;

/// Whether a process that ended with this status would end so again at once.
#[must_use]
pub fn asks_for_patience(status: i32) -> bool {
    matches!(status, SETUP_FAILED | PYTHON_FAILED)
}
