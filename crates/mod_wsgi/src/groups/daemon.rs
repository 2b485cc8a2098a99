//! The forked process, until it is a daemon: what it lets go of, and what it is told (DD §10.2).

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_daemon::{exit, run};
use rickhouse_httpd::Server;
use rickhouse_httpd::process::Forked;
use rickhouse_os::group_socket::GroupSocket;
use rickhouse_os::signal_pipe::{self, Signal};
use rickhouse_os::stream::Stream;
use rickhouse_os::{nudge, poll};
use rickhouse_wire::response;

use super::engine::DaemonEngine;
use super::group::{Group, Parent};
use super::kept;
use super::supervision::Nap;
use super::{settings, subscriber};

/// Is a daemon process; returns its exit status.
pub(super) fn live(forked: &Forked<'_>, parent: &Arc<Parent>, group: &Arc<Group>, nap: Nap) -> u8 {
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
    sleep(&listener, nap);
    let settings = settings::daemon(parent, group, server, listener);
    status(run(settings, || {
        if let Err(error) = adopt_log(forked, server) {
            tracing::warn!(
                "The error log of the virtual host cannot be that of the process: {error}."
            );
        }
        DaemonEngine::start(parent, group)
    }))
}

/// Waits, and refuses meanwhile what it shall refuse.
fn sleep(listener: &GroupSocket, nap: Nap) {
    let end = Instant::now() + nap.length;
    // A connection that is there when one looks may be a sibling's a moment later, and the socket has to stay blocking
    // for all of them: the wait in `accept4` itself has to end.
    if nap.refusing
        && let Ok(_ticks) = nudge::every(TICK)
    {
        while let Ok(Some(stream)) = listener.accept_unless(|| Instant::now() >= end) {
            refuse(&stream);
        }
    }
    thread::sleep(end.saturating_duration_since(Instant::now()));
}

/// How much longer than it should a nap may last.
const TICK: Duration = Duration::from_millis(100);

/// Answers one request by 503, without having read it.
fn refuse(stream: &Stream) {
    let mut frame = Vec::new();
    response::write_fail(&mut frame, 503);
    // What cannot be sent at once to a new connection cannot be sent at all.
    let _sent = stream.send_now(&[IoSlice::new(&frame)], None);
    stream.shutdown_write();
    drain(stream, Instant::now() + Duration::from_secs(1));
}

/// Reads what the child sends until it has had its answer: closing before that would take the answer away.
fn drain(stream: &Stream, end: Instant) {
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match poll::readable(&[stream.as_fd()], Some(left)) {
            // Also when a tick ended the wait.
            Ok(ready) if !ready[0] => {}
            Ok(_) if matches!(stream.recv_now(&mut buffer), Ok(1..)) => {}
            _ => return,
        }
    }
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
fn adopt_log(forked: &Forked<'_>, server: Server<'_>) -> std::io::Result<()> {
    forked.log_as(server);
    let name = String::from_utf8_lossy(server.hostname().unwrap_or_default());
    tracing::debug!("Daemon process will log to virtual host '{name}' error log.");
    if server.is_virtual() {
        forked.adopt_error_log(server)?;
    }
    Ok(())
}

/// Exit statuses are bytes.
fn status(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}
