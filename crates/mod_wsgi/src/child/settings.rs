//! What a child's Python is started with, from what the directives said (DD §9.2, §10.1).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_directives::Text;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::groups::Case;
use rickhouse_directives::interpreters::ProcessView;
use rickhouse_directives::python;
use rickhouse_host::scripts::{ApacheInfo, InterpreterSettings, ProcessKind, ProcessSettings};
use rickhouse_host::{HashSeed, InitConfig};
use rickhouse_httpd::mpm;

use crate::log;
use crate::surroundings::PYTHON;

/// Of this child.
pub(super) fn of_child(config: &Arc<GlobalConfig>) -> ProcessSettings {
    let threads = mpm::max_threads();
    let children = mpm::max_children();
    let shared = Arc::clone(config);
    let free_threading = config.free_threading(b"") && PYTHON.free_threaded;
    ProcessSettings {
        process: ProcessKind::Embedded,
        init: init_config(config, free_threading),
        base_path: paths(config.python.path.as_ref()),
        home: None,
        python_eggs: config.python.eggs.as_ref().map(path),
        user: None,
        multithread: mpm::is_threaded() && threads > 1,
        multiprocess: mpm::is_forked() && children > 1,
        run_once: false,
        maximum_processes: children.into(),
        threads_per_process: threads.into(),
        case_sensitive: config.case() == Case::Sensitive,
        // Of a server that is being debugged the terminal is the application's.
        replace_streams: !is_debugged(),
        switch_interval: config.family.switch_interval,
        request_timeout: None,
        configured_timeout: None,
        interrupt_timeout: Duration::ZERO,
        heartbeat: false,
        apache: apache_info(),
        interpreter: Box::new(move |group| {
            let process = ProcessView {
                daemon: None,
                free_threading,
                can_own_gil: PYTHON.version >= (3, 12),
            };
            interpreter(&shared, &process, group)
        }),
    }
}

/// How CPython is started.
pub(crate) fn init_config(config: &GlobalConfig, free_threading: bool) -> InitConfig {
    let python = &config.python;
    InitConfig {
        program: None,
        home: python.home.as_ref().map(path),
        optimize: python.optimize,
        dont_write_bytecode: python.dont_write_bytecode,
        warnings: python
            .warnings
            .iter()
            .map(|filter| filter.to_vec())
            .collect(),
        hash_seed: match python.hash_seed {
            python::HashSeed::Unset => HashSeed::Environment,
            python::HashSeed::Random => HashSeed::Random,
            python::HashSeed::Fixed(seed) => HashSeed::Fixed(seed),
        },
        utf8_mode: None,
        free_threading,
    }
}

/// What the containers say of an interpreter, once it is about to be made.
pub(crate) fn interpreter(
    config: &GlobalConfig,
    process: &ProcessView<'_>,
    group: &str,
) -> InterpreterSettings {
    let resolved = config.interpreter(process, group.as_bytes());
    resolved.warnings.iter().for_each(log::process);
    InterpreterSettings {
        own_gil: resolved.own_gil,
        switch_interval: resolved.switch_interval,
        python_path: resolved
            .python_paths
            .iter()
            .map(|text| paths(Some(text)))
            .collect(),
        restrict_stdin: resolved.restrict_stdin,
        restrict_stdout: resolved.restrict_stdout,
        restrict_signal: resolved.restrict_signal,
        copies: 1,
    }
}

pub(crate) fn apache_info() -> ApacheInfo {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ApacheInfo {
        version: mpm::version(),
        description: text(&mpm::description()),
        mpm_name: text(&mpm::name()),
        build_date: text(&mpm::built()),
        maximum_processes: mpm::max_children().into(),
        threads_per_process: mpm::max_threads().into(),
    }
}

/// `httpd -X`.
fn is_debugged() -> bool {
    mpm::is_defined(c"DEBUG")
}

pub(crate) fn paths(list: Option<&Text>) -> Vec<PathBuf> {
    let Some(list) = list else {
        return Vec::new();
    };
    let folders = list.split(|byte| *byte == b':');
    folders
        .filter(|folder| !folder.is_empty())
        .map(|folder| path(&Text::from(folder)))
        .collect()
}

fn path(text: &Text) -> PathBuf {
    text.as_path().to_owned()
}
