//! A group's listening socket (DD §10.4).

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rickhouse_directives::messages::{self, Message};
use rickhouse_httpd::log::{self as httpd_log, Level, Scope};
use rickhouse_httpd::mpm::MainState;
use rickhouse_httpd::{Generation, at, mpm};
use rickhouse_os::group_socket::{self, GroupSocket, Options, Step};
use rickhouse_os::process::is_root;

use super::group::{Group, Parent};
use super::kept;
use crate::log;

/// Makes the socket, and has it closed and removed at the end of the generation.
///
/// # Errors
/// The record about the step that failed. Nothing is left behind.
pub(super) fn open(
    generation: &Generation<'_>,
    parent: &Arc<Parent>,
    group: &Arc<Group>,
) -> Result<(), Message> {
    let process = &group.process;
    let (name, path) = (&process.name, group.socket.display());
    let options = Options {
        backlog: process.listen_backlog,
        owner: owner(group),
        send_buffer: process.send_buffer_size.map(|size| size as usize),
        receive_buffer: process.receive_buffer_size.map(|size| size as usize),
    };
    if let Some(kept) = kept::take(&group.socket) {
        group.set_listener(kept);
        end_with(generation, parent, group);
        return Ok(());
    }
    debug(format_args!("Socket for '{name}' is '{path}'."));
    let backlog = options.backlog;
    debug(format_args!(
        "Listen backlog for socket '{path}' is '{backlog}'."
    ));
    if group_socket::remove_stale(&group.socket).unwrap_or_default() {
        log::process(&messages::stale_socket(path));
    }
    let made = GroupSocket::create(&group.socket, &options).map_err(|error| match error.step {
        Step::Create => messages::socket_failed(name),
        Step::Bind => messages::bind_failed(format_args!("{}", group.socket.display())),
        Step::Listen => messages::listen_failed(group.socket.display()),
        Step::Owner => {
            messages::chown_failed(group.socket.display(), options.owner.unwrap_or_default())
        }
    })?;
    if made.send_buffer_refused.is_some() {
        log::process(&messages::send_buffer_failed());
    }
    if made.receive_buffer_refused.is_some() {
        log::process(&messages::receive_buffer_failed());
    }
    group.set_listener(made.socket);
    end_with(generation, parent, group);
    Ok(())
}

fn end_with(generation: &Generation<'_>, parent: &Arc<Parent>, group: &Arc<Group>) {
    let (parent, group) = (Arc::clone(parent), Arc::clone(group));
    generation.pool().at_end(move || close(&parent, &group));
}

/// Who may connect: only root can give the file away.
fn owner(group: &Group) -> Option<u32> {
    let configured = group.process.socket_user.as_ref().map(|user| user.id);
    is_root().then(|| configured.unwrap_or_else(|| mpm::identity().user))
}

/// Ends the socket; in the parent only, since what it forked has copies of everything.
fn close(parent: &Parent, group: &Group) {
    if std::process::id() != parent.pid {
        return;
    }
    let listener = group.take_listener();
    let restarting = mpm::main_state() != MainState::Exiting;
    if let (Some(listener), true, true) = (listener, restarting, parent.keeps_sockets()) {
        return kept::keep(&group.socket, listener);
    }
    remove(&group.socket);
}

/// Removes the sockets of groups that are no longer configured.
pub(super) fn remove_left() {
    kept::drain().for_each(|(path, _closed)| remove(&path));
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log::process(&messages::socket_unlink_failed(path.display()));
        }
        _ => {}
    }
}

fn debug(text: std::fmt::Arguments<'_>) {
    httpd_log::write(Scope::Current, Level::Debug, at!(), text);
}
