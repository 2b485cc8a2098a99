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
use rickhouse_os::poll;
use rickhouse_os::signal_pipe::{self, Signal};
use rickhouse_os::stream::Stream;
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
    if !nap.refusing {
        return thread::sleep(nap.length);
    }
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match poll::readable(&[listener.as_fd()], Some(left)) {
            _ if left.is_zero() => return,
            Ok(ready) if !ready[0] => {}
            Ok(_) => refuse(listener),
            Err(_) => return thread::sleep(left),
        }
    }
}

/// Answers one request by 503, without having read it.
fn refuse(listener: &GroupSocket) {
    let mut frame = Vec::new();
    response::write_fail(&mut frame, 503);
    if let Ok(stream) = listener.accept() {
        // What cannot be sent at once to a new connection cannot be sent at all.
        let _sent = stream.send_now(&[IoSlice::new(&frame)], None);
        stream.shutdown_write();
        drain(&stream);
    }
}

/// Reads what the child sends until it has had its answer: closing before that would take the answer away.
fn drain(stream: &Stream) {
    let _limited = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut buffer = [0; 4096];
    while matches!(stream.recv(&mut buffer), Ok(1..)) {}
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
