//! Groups of daemon processes (DD §10): made, watched and replaced by httpd's parent.
//!
//! | when | what |
//! |---|---|
//! | configuration is read, restart: `post_config` | sockets are made and processes forked: the scoreboard is there already |
//! | first start: `pre_mpm` | the same, since the scoreboard exists from here on |
//! | a process ends | httpd tells the parent: [`supervision`] says so and forks another one |
//! | `monitor`, about every ten seconds | what could not be forked is tried again |
//! | restart, stop | httpd ends the processes with the pool of the configuration; the sockets go with it ([`socket`]) |
//!
//! The parent never runs Python and starts no thread. A forked process becomes a daemon in [`daemon`]; it knows its own
//! group's secret and socket only.
//!
//! A daemon ends when the parent does, however that dies: nothing would restart it, and its socket would stay in the way
//! (DD §14 row 84 names the contrary as mod_wsgi's behaviour; children of httpd, which outlive a killed parent as they
//! always did, answer 503 for the group's requests then).

mod daemon;
mod engine;
mod group;
mod kept;
mod python;
mod reporter;
mod settings;
mod socket;
mod subscriber;
mod supervision;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rickhouse_httpd::{ChildInit, Failed, Generation, Startup, mpm};
use rickhouse_os::child_ends;
use rickhouse_os::signal_pipe::{self, Signal};

use crate::{generation, log};
pub(crate) use group::Running;
use group::{Group, Parent};

/// The groups of the present configuration, in the parent and in what it forks. Never locked across a fork.
static PARENT: Mutex<Option<Arc<Parent>>> = Mutex::new(None);

/// Whether [`child_init`] found itself in the parent.
static IN_PARENT: AtomicBool = AtomicBool::new(false);

/// What a child's requests have to know of the groups. Set once per child, before it has threads.
static CHILD: OnceLock<Vec<Running>> = OnceLock::new();

/// The configuration has been read, for use: names the groups' sockets, and starts the groups where the scoreboard exists,
/// which is after a restart.
///
/// # Errors
/// When a socket cannot have the name it should have. That has been logged; httpd does not start.
pub(crate) fn post_config(startup: &Startup<'_>) -> Result<(), Failed> {
    let parent = Parent::new(generation::current(), startup).map_err(|message| {
        log::process(&message);
        Failed
    })?;
    *lock() = Some(Arc::new(parent));
    if mpm::scoreboard().is_some() {
        start(startup.generation());
    }
    Ok(())
}

/// The scoreboard exists: starts what has not been started.
pub(crate) fn pre_mpm(generation: &Generation<'_>) {
    start(generation);
}

/// This is a child of httpd: it keeps what it has to know of the groups, and closes their listening sockets.
pub(crate) fn child_init(_: &ChildInit<'_>) {
    let Some(parent) = lock().clone() else {
        return;
    };
    let running = parent.groups.iter().map(|group| group.running(&parent));
    // A second call in one process can only be for the same generation.
    let _known = CHILD.set(running.collect());
    // `httpd -X` serves in the parent itself, which has to keep them.
    if parent.pid == std::process::id() {
        IN_PARENT.store(true, Ordering::Relaxed);
    } else {
        // The parent's handler; an application finds what the system does by default (DD §10.5). It cannot be refused.
        let _restored = signal_pipe::restore_default(&[Signal::Child]);
        parent
            .groups
            .iter()
            .for_each(|group| drop(group.take_listener()));
    }
}

/// Whether this child is the parent, too: `httpd -X`. It takes no lock, and is fit for a signal handler.
pub(crate) fn is_in_parent() -> bool {
    IN_PARENT.load(Ordering::Relaxed)
}

/// A group as the requests of this child see it, by its number.
pub(crate) fn running(group: u32) -> Option<&'static Running> {
    let running = CHILD.get()?;
    running.iter().find(|running| running.group == group)
}

/// The parent looks around, as it does every now and then.
pub(crate) fn monitor(generation: &Generation<'_>) {
    let Some(parent) = lock().clone() else {
        return;
    };
    if parent.pid == std::process::id() {
        for group in &parent.groups {
            supervision::fill_places(generation, &parent, group);
        }
    }
}

fn start(generation: &Generation<'_>) {
    let Some(parent) = lock().clone() else {
        return;
    };
    if parent.begin() {
        watch_ends(generation, parent.pid);
        socket::remove_left_at_exit(generation, parent.pid);
        for group in &parent.groups {
            start_group(generation, &parent, group);
        }
        socket::remove_left();
    }
}

/// Has the kernel tell how processes end, while httpd watches over them. Not while it ends them all with the pool of the
/// configuration: its pauses, which the signal cuts short, are then the time that they have left (DD §10.6).
fn watch_ends(generation: &Generation<'_>, parent: u32) {
    // Without it the ends of processes are guessed at.
    let _watched = child_ends::watch();
    generation.pool().at_end(move || {
        if std::process::id() == parent {
            // It cannot be refused.
            let _restored = child_ends::ignore();
        }
    });
}

/// Starts one group. A failure is this group's alone (DD §14 row 80): its requests get 503.
fn start_group(generation: &Generation<'_>, parent: &Arc<Parent>, group: &Arc<Group>) {
    if let Err(message) = socket::open(generation, parent, group) {
        log::process(&message);
        return;
    }
    for number in 1..=group.process.processes {
        supervision::start_process(generation, parent, group, number);
    }
}

fn lock() -> MutexGuard<'static, Option<Arc<Parent>>> {
    PARENT.lock().unwrap_or_else(PoisonError::into_inner)
}
