//! What a daemon process is told, apart from Python (DD §4.2).

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use rickhouse_daemon::{Identity, Rest, SEND_BUFFER, Settings, Setup, TimerSettings};
use rickhouse_directives::Text;
use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_httpd::{Server, mpm};
use rickhouse_os::accounts;
use rickhouse_os::group_socket::GroupSocket;
use rickhouse_os::process::is_root;

use super::group::{Group, Parent};
use super::python;
use crate::paths::to_path;

/// The settings of a process of `group`.
pub(super) fn daemon(
    parent: &Parent,
    group: &Group,
    server: Server<'_>,
    listener: GroupSocket,
    rest: Option<Rest>,
) -> Settings {
    let process = &group.process;
    Settings {
        group: process.name.to_string(),
        listener: listener.into_fd(),
        socket_path: group.socket.clone(),
        token: group.token(),
        threads: process.threads as usize,
        stack_size: process.stack_size,
        one_gil: has_one_gil(&parent.config, process),
        rest,
        setup: setup(parent, process),
        timers: timers(process),
        socket_timeout: Some(process.socket_timeout.unwrap_or(server.timeout())),
        queue_timeout: process.queue_timeout,
        send_buffer: process
            .send_buffer_size
            .map_or(SEND_BUFFER, |size| size as usize),
    }
}

/// Whether all threads of the process need the same GIL.
fn has_one_gil(config: &GlobalConfig, process: &DaemonProcess) -> bool {
    let own = |own_gil: Option<bool>| own_gil == Some(true);
    let of_process = |name: Option<&Text>| name.is_none_or(|name| *name == process.name);
    let mut containers = config.containers.iter();
    let some_have_their_own = own(config.family.own_gil)
        || containers.any(|container| {
            own(container.family.own_gil) && of_process(container.selector.process_group.as_ref())
        });
    !some_have_their_own && !python::free_threading(config, process)
}

fn setup(parent: &Parent, process: &DaemonProcess) -> Setup {
    let text = |text: &Option<Text>| text.as_ref().map(|text| OsString::from_vec(text.to_vec()));
    Setup {
        display_name: process.display_name.as_ref().map(ToString::to_string),
        priority: process.cpu_priority,
        chroot: process.chroot.as_ref().map(to_path),
        identity: is_root().then(|| identity(process)),
        home: process.home.as_ref().map(to_path),
        server_user: Some(mpm::identity().user),
        umask: process.umask,
        core_dump: mpm::wants_core_dumps(),
        parent: Some(parent.pid),
        cpu_time_limit: process.cpu_time_limit,
        memory_limit: process.memory_limit,
        virtual_memory_limit: process.virtual_memory_limit,
        lang: text(&process.lang),
        locale: text(&process.locale),
    }
}

/// Who the process is to be, where the parent is root.
fn identity(process: &DaemonProcess) -> Identity {
    let server = mpm::identity();
    let uid = process.user.as_ref().map_or(server.user, |user| user.id);
    let name = match &process.user {
        Some(user) => Some(user.name.to_vec()),
        None => server.user_name.filter(|name| !name.starts_with(b"#")),
    };
    // `User #1000` has no name, but the account may have one.
    let name = name.and_then(|name| CString::new(name).ok());
    let user_name = name.or_else(|| accounts::user_name(uid).ok().flatten());
    Identity {
        uid,
        gid: process.group.unwrap_or(server.group),
        user_name: user_name.unwrap_or_default(),
        supplementary: process
            .supplementary_groups
            .as_ref()
            .map(|groups| (groups.ids.clone(), groups.list.to_string())),
    }
}

fn timers(process: &DaemonProcess) -> TimerSettings {
    TimerSettings {
        startup: process.startup_timeout,
        deadlock: process.deadlock_timeout,
        inactivity: process.inactivity_timeout,
        request: process.request_timeout,
        interrupt: process.interrupt_timeout,
        graceful: process.graceful_timeout,
        eviction: process.eviction_timeout,
        restart_interval: process.restart_interval,
        shutdown: process
            .shutdown_timeout
            .filter(|timeout| *timeout > Duration::ZERO),
        maximum_requests: process.maximum_requests,
    }
}
