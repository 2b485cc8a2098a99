//! A group's listening socket (DD §10.4).

use std::path::Path;
use std::sync::{Arc, Once};

use rickhouse_directives::messages::{self, Message};
use rickhouse_httpd::log::{self as httpd_log, Level, Scope};
use rickhouse_httpd::mpm::MainState;
use rickhouse_httpd::{Generation, at, mpm};
use rickhouse_os::group_socket::{self, GroupSocket, Options, Refused, Step};
use rickhouse_os::process::is_root;

use super::group::{Group, Parent};
use super::kept::{self, Kept};
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
    if let Some(kept) = inherited(group) {
        let refused = kept.socket.change(&options).map_err(|error| {
            // Closed with that: requests get 503 at once instead of waiting for nobody.
            remove(&kept.socket, &kept.path);
            failure(group, &options, error.step)
        })?;
        mention(&refused);
        group.inherit_token(kept.token);
        group.set_listener(kept.socket);
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
    let made = GroupSocket::create(&group.socket, &options)
        .map_err(|error| failure(group, &options, error.step))?;
    mention(&made.refused);
    group.set_listener(made.socket);
    end_with(generation, parent, group);
    Ok(())
}

/// What the group of this name had in the last generation, at this very path. Another group's queue is not for it.
fn inherited(group: &Group) -> Option<Kept> {
    let kept = kept::take(&group.socket)?;
    if kept.name == group.process.name && kept.socket.is_reachable() {
        return Some(kept);
    }
    remove(&kept.socket, &kept.path);
    None
}

/// The record about the step that failed.
fn failure(group: &Group, options: &Options, step: Step) -> Message {
    let path = group.socket.display();
    match step {
        Step::Create => messages::socket_failed(&group.process.name),
        Step::Bind => messages::bind_failed(format_args!("{path}")),
        Step::Listen => messages::listen_failed(path),
        Step::Owner => messages::chown_failed(path, options.owner.unwrap_or_default()),
    }
}

fn mention(refused: &Refused) {
    if refused.send_buffer.is_some() {
        log::process(&messages::send_buffer_failed());
    }
    if refused.receive_buffer.is_some() {
        log::process(&messages::receive_buffer_failed());
    }
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
    let Some(socket) = group.take_listener() else {
        return;
    };
    let restarting = mpm::main_state() != MainState::Exiting;
    if restarting && parent.keeps_sockets() {
        return kept::keep(Kept {
            name: group.process.name.clone(),
            path: group.socket.clone(),
            socket,
            token: group.token(),
        });
    }
    remove(&socket, &group.socket);
}

/// Removes the sockets of groups that are no longer configured.
pub(super) fn remove_left() {
    kept::drain().for_each(|kept| remove(&kept.socket, &kept.path));
}

/// Has the sockets removed that nobody takes because httpd does not come back from a restart: its new configuration has
/// an error. Once per process.
pub(super) fn remove_left_at_exit(generation: &Generation<'_>, parent: u32) {
    static ARRANGED: Once = Once::new();
    ARRANGED.call_once(|| {
        generation.process_pool().at_end(move || {
            if std::process::id() == parent {
                // There is no log any more.
                kept::drain().for_each(|kept| drop(kept.socket.remove_file()));
            }
        });
    });
}

fn remove(socket: &GroupSocket, path: &Path) {
    if socket.remove_file().is_err() {
        log::process(&messages::socket_unlink_failed(path.display()));
    }
}

fn debug(text: std::fmt::Arguments<'_>) {
    httpd_log::write(Scope::Current, Level::Debug, at!(), text);
}
