//! What a freshly forked process changes about itself before it starts Python (DD §10.2). It has one thread.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rickhouse_os::signal_pipe::{self, SignalPipe};
use rickhouse_os::{limits, locale, nudge, privileges, process, title};
use tracing::{debug, error, info, warn};

use crate::notice::{CONTROL, EVENTS};
use crate::rest;
use crate::settings::{Identity, Settings, Setup};

/// The process is neither what it was nor what it should be, and must end. The log says why.
#[derive(Debug)]
pub(crate) struct SetupFailed;

/// What the set-up made.
pub(crate) struct Pipes {
    /// Signals for the main thread.
    pub(crate) control: Arc<SignalPipe>,
    /// Signals for the application.
    pub(crate) events: SignalPipe,
}

/// Steps 1 to 19 of DD §10.2, but for those that are httpd's (its sockets and other groups' secrets).
pub(crate) fn apply(settings: &Settings) -> Result<Pipes, SetupFailed> {
    let (setup, is_root) = (&settings.setup, process::is_root());
    let rest = |before_setup: bool| {
        settings
            .rest
            .filter(|rest| rest.before_setup == before_setup)
    };
    if let Some(rest) = rest(true) {
        rest::take(rest, &settings.listener);
    }
    if rest(false).is_none() {
        announce(settings, is_root);
    }
    if let Some(title) = &setup.display_name
        && let Err(error) = title::set(title.as_bytes())
    {
        debug!("The process title was not changed: {error}.");
    }
    if let Some(priority) = setup.priority.filter(|priority| *priority != 0)
        && let Err(error) = process::set_priority(priority)
    {
        warn!(
            code = "WSGI0075",
            "Unable to set CPU priority of {priority} in daemon process: {}.",
            cause(&error)
        );
    }
    become_another(setup)?;
    if let Some(mask) = setup.umask {
        limits::set_umask(mask);
    }
    if setup.core_dump
        && let Err(error) = process::allow_core_dump()
    {
        warn!(
            code = "WSGI0061",
            "Unable to set process dumpable flag: {}.",
            cause(&error)
        );
    }
    follow_parent(setup)?;
    if let Some(rest) = rest(false) {
        rest::take(rest, &settings.listener);
        announce(settings, is_root);
    }
    let pipes = take_signals(&settings.group)?;
    limit(
        setup,
        settings.timers.shutdown.map_or(0, |wait| wait.as_secs()),
    );
    speak(setup, &settings.group);
    Ok(pipes)
}

/// `is_root`: the process was root before it became what it should be.
fn announce(settings: &Settings, is_root: bool) {
    let (group, threads) = (&settings.group, settings.threads);
    match settings.setup.identity.as_ref().filter(|_| is_root) {
        Some(Identity { uid, gid, .. }) => {
            info!(
                "Starting daemon process '{group}' with uid={uid}, gid={gid} and threads={threads}."
            );
        }
        None => info!("Starting daemon process '{group}' with threads={threads}."),
    }
}

/// Root directory, groups, user, working directory; in this order, each as the former allows.
fn become_another(setup: &Setup) -> Result<(), SetupFailed> {
    let identity = setup.identity.as_ref().filter(|_| process::is_root());
    // Both databases are outside of a chroot.
    let groups = identity.map(groups_of);
    let user = identity.map_or_else(privileges::effective_user, |identity| identity.uid);
    let implied_home = implied_home(setup, user);
    if let Some(root) = &setup.chroot {
        change_root(root)?;
    }
    if let (Some(identity), Some(groups)) = (identity, groups) {
        assume(identity, &groups)?;
    }
    match (&setup.home, implied_home) {
        (Some(home), _) => std::env::set_current_dir(home).map_err(|error| {
            let home = home.display();
            unspecified(
                "WSGI0009",
                &format!("Unable to change working directory to '{home}': {error}."),
            )
        }),
        (None, Some(home)) => enter_home(home, user),
        (None, None) => Ok(()),
    }
}

fn change_root(root: &Path) -> Result<(), SetupFailed> {
    std::os::unix::fs::chroot(root)
        .and_then(|()| std::env::set_current_dir("/"))
        .map_err(|error| {
            let root = root.display();
            unspecified(
                "WSGI0003",
                &format!("Unable to change root directory to '{root}': {error}."),
            )
        })
}

/// The group numbers to have, or what they were to be and why they are not known.
fn groups_of(identity: &Identity) -> std::io::Result<Vec<u32>> {
    match &identity.supplementary {
        // The primary group is the first of them (DD §4.2).
        Some((groups, _)) => Ok(std::iter::once(identity.gid)
            .chain(groups.iter().copied())
            .collect()),
        None => privileges::groups_of(&identity.user_name, identity.gid),
    }
}

fn assume(identity: &Identity, groups: &std::io::Result<Vec<u32>>) -> Result<(), SetupFailed> {
    let Identity { uid, gid, .. } = identity;
    let name = identity.user_name.to_string_lossy();
    privileges::set_group(*gid).map_err(|error| {
        unspecified(
            "WSGI0004",
            &format!("Unable to set group id to gid={gid}: {error}."),
        )
    })?;
    let set = match groups {
        Ok(groups) => privileges::set_groups(groups).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    set.map_err(|error| match &identity.supplementary {
        Some((_, list)) => unspecified(
            "WSGI0005",
            &format!("Unable to set supplementary groups for uname={name} of '{list}': {error}."),
        ),
        None => unspecified(
            "WSGI0006",
            &format!("Unable to initialise groups for uname={name} and gid={gid}: {error}."),
        ),
    })?;
    privileges::set_user(*uid).map_err(|error| {
        alert("WSGI0007", &format!("Unable to change to uid={uid}: {error}."));
        alert("WSGI0008", "Failure to configure the daemon process correctly and process left in unspecified state.");
        SetupFailed
    })
}

/// A process that is not httpd's user works in its own user's home directory, unless told otherwise.
fn implied_home(setup: &Setup, user: u32) -> Option<Option<PathBuf>> {
    let differs = setup.server_user.is_some_and(|server| server != user);
    if setup.home.is_some() || !differs {
        return None;
    }
    let home = privileges::home_of(user).ok().flatten();
    Some(home.map(|home| PathBuf::from(OsString::from_vec(home.into_bytes()))))
}

fn enter_home(home: Option<PathBuf>, user: u32) -> Result<(), SetupFailed> {
    let Some(home) = home else {
        let text = format!("Unable to determine home directory for uid={user}.");
        return Err(unspecified("WSGI0011", &text));
    };
    std::env::set_current_dir(&home).map_err(|error| {
        let home = home.display();
        let text = format!(
            "Unable to change working directory to home directory '{home}' for uid={user}: {error}."
        );
        unspecified("WSGI0010", &text)
    })
}

/// After the change of user, which undoes it.
fn follow_parent(setup: &Setup) -> Result<(), SetupFailed> {
    let Some(parent) = setup.parent else {
        return Ok(());
    };
    match process::end_with_parent(parent) {
        Ok(true) => Ok(()),
        Ok(false) => {
            debug!("The parent process {parent} has ended already.");
            Err(SetupFailed)
        }
        Err(error) => {
            debug!(
                "The end of the parent process will not be noticed: {}.",
                cause(&error)
            );
            Ok(())
        }
    }
}

fn take_signals(group: &str) -> Result<Pipes, SetupFailed> {
    let control = SignalPipe::take(CONTROL).map_err(|error| {
        alert(
            "WSGI0027",
            &format!("Unable to initialise signal pipe in daemon process '{group}': {error}."),
        );
        SetupFailed
    })?;
    let events = signal_pipe::ignore_write_signals()
        .and_then(|()| nudge::prepare())
        .and_then(|()| SignalPipe::take(EVENTS))
        .map_err(|error| {
            alert(
                "WSGI0206",
                &format!(
                    "Unable to initialise signal event pipe in daemon process '{group}': {error}."
                ),
            );
            SetupFailed
        })?;
    Ok(Pipes {
        control: Arc::new(control),
        events,
    })
}

fn limit(setup: &Setup, shutdown_seconds: u64) {
    if let Some(soft) = setup.cpu_time_limit {
        // Time to end in order after the signal.
        let hard = soft.saturating_add(1).saturating_add(shutdown_seconds);
        if let Err(error) = limits::limit_cpu_time(soft, hard) {
            warn!(
                code = "WSGI0076",
                "Unable to set CPU time limit of {soft} seconds: {}.",
                cause(&error)
            );
        }
    }
    if let Some(bytes) = setup.memory_limit
        && let Err(error) = limits::limit_memory(bytes)
    {
        warn!(
            code = "WSGI0077",
            "Unable to set memory limit of {bytes}: {}.",
            cause(&error)
        );
    }
    if let Some(bytes) = setup.virtual_memory_limit
        && let Err(error) = limits::limit_virtual_memory(bytes)
    {
        warn!(
            code = "WSGI0078",
            "Unable to set virtual memory limit of {bytes}: {}.",
            cause(&error)
        );
    }
}

fn speak(setup: &Setup, group: &str) {
    if let Some(lang) = &setup.lang {
        debug!(
            "Setting LANG to '{}' for daemon process group '{group}'.",
            lang.display()
        );
        if let Err(error) = locale::set_variable("LANG", lang) {
            debug!("LANG was not changed: {error}.");
        }
    }
    if let Some(name) = &setup.locale {
        debug!(
            "Setting locale to '{}' for daemon process group '{group}'.",
            name.display()
        );
        let set = locale::set_variable("LC_ALL", name).and_then(|()| locale::set_locale(name));
        if !set.unwrap_or(false) {
            warn!(
                code = "WSGI0079",
                "Unsupported locale setting '{}' specified for daemon process group '{group}'.",
                name.display()
            );
        }
    }
}

/// Logs what failed and that nothing is certain any more.
fn unspecified(code: &str, text: &str) -> SetupFailed {
    alert(code, text);
    alert(
        "WSGI0025",
        "Failure to configure the daemon process correctly and process left in unspecified state.",
    );
    SetupFailed
}

fn alert(code: &str, text: &str) {
    error!(code, level = "alert", "{text}");
}

/// The last cause of an error: what the kernel said.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
