//! Sockets that go on listening while httpd restarts: with `WSGISocketRotation Off` requests wait in their queues for the
//! next generation's daemons, and none fails.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rickhouse_os::group_socket::GroupSocket;

/// Between the end of one generation and the start of the next; the only thing that survives a restart.
static KEPT: Mutex<Vec<(PathBuf, GroupSocket)>> = Mutex::new(Vec::new());

/// Keeps a socket for the next generation.
pub(super) fn keep(path: &Path, socket: GroupSocket) {
    lock().push((path.to_owned(), socket));
}

/// The socket that the last generation had at this path.
pub(super) fn take(path: &Path) -> Option<GroupSocket> {
    let mut kept = lock();
    let place = kept.iter().position(|(known, _)| known == path)?;
    Some(kept.swap_remove(place).1)
}

/// What nobody has taken.
pub(super) fn drain() -> impl Iterator<Item = (PathBuf, GroupSocket)> {
    std::mem::take(&mut *lock()).into_iter()
}

fn lock() -> MutexGuard<'static, Vec<(PathBuf, GroupSocket)>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
