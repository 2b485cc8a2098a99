//! Sockets that go on listening while httpd restarts: with `WSGISocketRotation Off` requests wait in their queues for the
//! next generation's daemons, and none fails.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rickhouse_directives::Text;
use rickhouse_os::group_socket::GroupSocket;
use rickhouse_wire::Token;

/// What a group hands on to the group of the same name in the next generation.
pub(super) struct Kept {
    /// The group's name. Sockets are named by numbers, and a number may be another group's next time.
    pub(super) name: Text,
    /// Where the socket is.
    pub(super) path: PathBuf,
    /// Listens still.
    pub(super) socket: GroupSocket,
    /// What the requests in its queue show, and those that children of the last generation have yet to send.
    pub(super) token: Token,
}

/// Between the end of one generation and the start of the next; the only thing that survives a restart.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Keeps a socket for the next generation.
pub(super) fn keep(kept: Kept) {
    lock().push(kept);
}

/// What the last generation had at this path.
pub(super) fn take(path: &Path) -> Option<Kept> {
    let mut kept = lock();
    let place = kept.iter().position(|known| known.path == path)?;
    Some(kept.swap_remove(place))
}

/// What nobody has taken.
pub(super) fn drain() -> impl Iterator<Item = Kept> {
    std::mem::take(&mut *lock()).into_iter()
}

fn lock() -> MutexGuard<'static, Vec<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
