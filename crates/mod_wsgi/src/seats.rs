//! The seat in Python of each thread of the MPM, kept from one request to the next.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rickhouse_host::scripts::{ScriptThread, Scripts};

thread_local! {
    /// Those that are not in use. More than one where a response has included another one: its thread was inside of Python
    /// when it came back to httpd, which came to us again.
    static SEATS: RefCell<Vec<ScriptThread>> = const { RefCell::new(Vec::new()) };
}

/// The number of the next seat; 0 is the process's main thread (`mod_wsgi.thread_id`, DD §6.2).
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// Gives the calling thread the seat that starting Python has made.
pub(crate) fn keep(seat: ScriptThread) {
    SEATS.with_borrow_mut(|seats| seats.push(seat));
}

/// Runs `body` with a seat of the calling thread.
pub(crate) fn with<T>(scripts: &Arc<Scripts>, body: impl FnOnce(&mut ScriptThread) -> T) -> T {
    let seat = SEATS.with_borrow_mut(Vec::pop);
    let mut seat = seat.unwrap_or_else(|| scripts.thread(NEXT.fetch_add(1, Ordering::Relaxed)));
    let value = body(&mut seat);
    keep(seat);
    value
}
