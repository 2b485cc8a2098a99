//! The forked process, until it is a daemon: what it lets go of, and what it is told (DD §10.2).

use std::sync::Arc;

use rickhouse_daemon::{Rest, exit, run};
use rickhouse_httpd::Server;
use rickhouse_httpd::process::Forked;
use rickhouse_os::signal_pipe::{self, Signal};

use super::engine::DaemonEngine;
use super::group::{Group, Parent};
use super::kept;
use super::{settings, subscriber};

/// Is a daemon process; returns its exit status.
pub(super) fn live(
    forked: &Forked<'_>,
    parent: &Arc<Parent>,
    group: &Arc<Group>,
    rest: Option<Rest>,
) -> u8 {
    // What the parent does about these is not for us. Until the daemon has handlers of its own it may simply be ended.
    let signals = [
        Signal::Terminate,
        Signal::Interrupt,
        Signal::HangUp,
        Signal::User1,
        Signal::User2,
        Signal::Child,
    ];
    if signal_pipe::restore_default(&signals).is_err() {
        return status(exit::SETUP_FAILED);
    }
    forked.close_listeners();
    kept::drain().for_each(drop);
    let listener = group.take_listener();
    for other in &parent.groups {
        if !Arc::ptr_eq(other, group) {
            drop(other.take_listener());
            other.erase_token();
        }
    }
    let server = server_of(forked, group);
    subscriber::install();
    let left = forked.close_parents_pipes();
    if let Err(error) = left.and_then(|()| forked.leave_scoreboard()) {
        tracing::warn!("The daemon process keeps means of httpd's own: {error}.");
    }
    let Some(listener) = listener else {
        // A group without a socket has no processes.
        return status(exit::SETUP_FAILED);
    };
    let settings = settings::daemon(parent, group, server, listener, rest);
    status(run(settings, || {
        let engine = DaemonEngine::start(parent, group)?;
        if let Err(error) = adopt_log(forked, server, group) {
            tracing::warn!(
                "The error log of the virtual host cannot be that of the process: {error}."
            );
        }
        Ok(engine)
    }))
}

/// The server that the group is defined in.
fn server_of<'g>(forked: &Forked<'g>, group: &Group) -> Server<'g> {
    let main = forked.generation().server();
    let mut servers = main.and_following();
    servers
        .find(|server| server.id() == group.process.server.id)
        .unwrap_or(main)
}

/// A group of a virtual host writes to that host's log, whatever it is that writes (DD §10.3).
fn adopt_log(forked: &Forked<'_>, server: Server<'_>, group: &Group) -> std::io::Result<()> {
    forked.log_as(server);
    let group = &group.process.name;
    let name = String::from_utf8_lossy(server.hostname().unwrap_or_default());
    tracing::debug!("Daemon process '{group}' will log to virtual host '{name}' error log.");
    if server.is_virtual() {
        forked.adopt_error_log(server)?;
    }
    Ok(())
}

/// Exit statuses are bytes.
fn status(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}
