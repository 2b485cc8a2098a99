//! The end of a child: the exit handlers of its interpreters (DD §9.7).
//!
//! They run when httpd ends the child in an orderly way: at a graceful stop or restart, when a child has served its number of
//! connections, and with a threaded MPM also at a plain stop, once its threads have ended. Prefork ends an idle or busy child
//! from a signal handler instead. There Python may be in the middle of anything, and so may the C library: exit handlers do
//! not run then, as they would not if the child had crashed.
//!
//! httpd calls `exit` next. Threads that an application has started go on meanwhile, and would crash in what `exit` takes down:
//! such a child ends without that.

use rickhouse_httpd::{ChildInit, mpm};
use rickhouse_os::exit::{self, Shortcut};
use rickhouse_os::signal_pipe::{Signal, is_blocked};

use crate::{child, groups, seats};

/// Sees to it that they run.
pub(super) fn prepare(init: &ChildInit<'_>) {
    init.at_end(end);
}

fn end() {
    let Some(child) = child::current() else {
        return;
    };
    let Some(scripts) = child.scripts() else {
        return;
    };
    if is_inside_a_signal_handler() {
        // `exit` runs the destructors of the thread's variables first: its seats must not enter Python.
        scripts.leave();
        return shorten_exit(Shortcut::Always);
    }
    let destroy = child.config.python.destroy_interpreter;
    seats::with(scripts, |seat| scripts.stop(seat, destroy));
    shorten_exit(Shortcut::OtherThreads);
}

/// Not with `httpd -X`, whose only child is the parent as well: daemons and sockets end by `exit`.
fn shorten_exit(shortcut: Shortcut) {
    if !groups::is_in_parent() {
        // Where it cannot be had, the child ends as it always did.
        let _shortened = exit::shorten(shortcut);
    }
}

/// Threaded MPMs block signals for reasons of their own, and never end a child from a handler.
fn is_inside_a_signal_handler() -> bool {
    !mpm::is_threaded()
        && [Signal::Terminate, Signal::HangUp]
            .into_iter()
            .any(is_blocked)
}
