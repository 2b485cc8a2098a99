//! What Python in a daemon process is started with (DD §9.2, §9.3).

use std::sync::Arc;
use std::time::Duration;

use rickhouse_daemon::scaled_request_timeout;
use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::groups::Case;
use rickhouse_directives::interpreters::ProcessView;
use rickhouse_host::scripts::{ProcessKind, ProcessSettings, User};
use rickhouse_os::{accounts, privileges};

use crate::child::settings as shared;
use crate::paths::{os_string, to_path};
use crate::surroundings::PYTHON;

/// Whether the processes of the group run without a GIL.
pub(super) fn free_threading(config: &GlobalConfig, process: &DaemonProcess) -> bool {
    PYTHON.free_threaded && config.free_threading(&process.name)
}

/// The settings of a process of this group; to be called when it is who it shall be.
pub(super) fn settings(config: &Arc<GlobalConfig>, process: &DaemonProcess) -> ProcessSettings {
    let free_threading = free_threading(config, process);
    let mut init = shared::init_config(config, free_threading);
    if let Some(home) = &process.python_home {
        init.home = Some(to_path(home));
    }
    let threads = process.threads as usize;
    ProcessSettings {
        process: ProcessKind::Daemon(process.name.to_string()),
        init,
        base_path: shared::paths(process.python_path.as_ref()),
        home: process.home.as_ref().map(to_path),
        python_eggs: process.python_eggs.as_ref().map(to_path),
        user: user(),
        multithread: process.multithread(),
        multiprocess: process.multiprocess,
        run_once: process.run_once(),
        maximum_processes: process.processes.into(),
        threads_per_process: process.threads.into(),
        case_sensitive: config.case() == Case::Sensitive,
        replace_streams: true,
        switch_interval: switch_interval(config, process, free_threading),
        configured_timeout: process.request_timeout,
        request_timeout: process
            .request_timeout
            .map(|timeout| scaled_request_timeout(timeout, threads)),
        interrupt_timeout: process.interrupt_timeout.unwrap_or(Duration::ZERO),
        heartbeat: process.deadlock_timeout.is_some(),
        apache: shared::apache_info(),
        interpreter: interpreters(config, process, free_threading),
    }
}

type Interpreters = Box<dyn Fn(&str) -> rickhouse_host::scripts::InterpreterSettings + Send + Sync>;

fn interpreters(
    config: &Arc<GlobalConfig>,
    process: &DaemonProcess,
    free_threading: bool,
) -> Interpreters {
    let (config, process) = (Arc::clone(config), process.clone());
    Box::new(move |group| {
        let view = ProcessView {
            daemon: Some(&process),
            free_threading,
            can_own_gil: PYTHON.version >= (3, 12),
        };
        let mut settings = shared::interpreter(&config, &view, group);
        // The way to end a service script is a handler that Python runs (DD §4.6).
        settings.restrict_signal &= process.threads > 0;
        settings
    })
}

fn switch_interval(
    config: &GlobalConfig,
    process: &DaemonProcess,
    free_threading: bool,
) -> Option<f64> {
    let view = ProcessView {
        daemon: Some(process),
        free_threading,
        can_own_gil: PYTHON.version >= (3, 12),
    };
    config
        .process_switch_interval(&view)
        .unwrap_or_else(|warning| {
            crate::log::process(&warning);
            None
        })
}

/// The user that the process runs as; `None` for one without an account.
fn user() -> Option<User> {
    let uid = privileges::effective_user();
    let name = accounts::user_name(uid).ok().flatten()?;
    let home = privileges::home_of(uid).ok().flatten()?;
    Some(User {
        name: os_string(name.into_bytes()),
        home: os_string(home.into_bytes()).into(),
    })
}
