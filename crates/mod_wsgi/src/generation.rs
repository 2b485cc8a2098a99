//! What the directives of class G have said: written while httpd reads its configuration, read by everybody afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use rickhouse_directives::global::GlobalConfig;

/// What is being read, or was read last. httpd reads with one thread; requests go by [`crate::child`]'s copy, so that
/// nothing waits here.
static CONFIG: Mutex<Option<Arc<GlobalConfig>>> = Mutex::new(None);

/// Forgets what the last reading of the configuration said.
pub(crate) fn begin() {
    *lock() = None;
}

/// Changes what has been said so far; for directives.
pub(crate) fn edit<T>(change: impl FnOnce(&mut GlobalConfig) -> T) -> T {
    change(Arc::make_mut(lock().get_or_insert_default()))
}

/// What was said.
pub(crate) fn current() -> Arc<GlobalConfig> {
    Arc::clone(lock().get_or_insert_default())
}

fn lock() -> std::sync::MutexGuard<'static, Option<Arc<GlobalConfig>>> {
    CONFIG.lock().unwrap_or_else(PoisonError::into_inner)
}
