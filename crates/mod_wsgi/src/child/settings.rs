//! What a child's Python is started with, from what the directives said (DD §9.2, §10.1).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_directives::Text;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::groups::Case;
use rickhouse_directives::python;
use rickhouse_host::scripts::{ApacheInfo, ProcessKind, ProcessSettings};
use rickhouse_host::{HashSeed, InitConfig};
use rickhouse_httpd::{ChildInit, mpm};

/// Of this child.
pub(super) fn of_child(init: &ChildInit<'_>, config: &Arc<GlobalConfig>) -> ProcessSettings {
    let mpm = mpm::limits();
    let interpreters = Arc::clone(config);
    ProcessSettings {
        process: ProcessKind::Embedded,
        init: init_config(config),
        base_path: paths(config.python.path.as_ref()),
        home: None,
        python_eggs: config.python.eggs.as_ref().map(path),
        user: None,
        multithread: mpm.is_threaded,
        multiprocess: mpm.is_forked,
        run_once: false,
        maximum_processes: mpm.processes,
        threads_per_process: mpm.threads,
        case_sensitive: config.case() == Case::Sensitive,
        replace_streams: !init.is_debugged(),
        switch_interval: config.family.switch_interval,
        request_timeout: None,
        interrupt_timeout: Duration::ZERO,
        heartbeat: false,
        apache: apache_info(),
        interpreter: Box::new(move |group| interpreters.interpreter(b"", group)),
    }
}
