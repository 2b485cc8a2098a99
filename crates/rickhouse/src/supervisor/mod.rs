//! The supervisor's life: logs, pid file, listeners, workers, end.

mod errand;
mod listeners;
mod manager;
mod news;
mod processes;
mod watcher;

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use rickhouse_config::{Config, ResolvedGil};
use rickhouse_os::credentials::Identity;
use rickhouse_os::pidfile::PidFile;
use rickhouse_os::signals::Signals;
use rickhouse_os::{inherit, limits, process};
use rickhouse_python::PythonInfo;
use tracing::{error, info};

use crate::log::{self, Output};
use errand::Errand;
use listeners::Listeners;
use processes::Processes;

/// Descriptors a worker needs besides its connections: listeners, logs, and what the application opens, roughly.
const DESCRIPTORS_BESIDE_CONNECTIONS: u64 = 1024;

/// What was found out before anything was opened.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) gil: ResolvedGil,
    /// Whom the workers become.
    pub(crate) identity: Option<Identity>,
    pub(crate) python: PythonInfo,
    /// How to start the same Python again.
    pub(crate) interpreter: Vec<OsString>,
}

/// Serves until told to stop; returns the exit status.
///
/// # Errors
/// The log could not be opened: nobody would read of a later failure, so this one is the caller's to print.
pub(crate) fn run(setup: Setup) -> anyhow::Result<i32> {
    if let Some(mask) = setup.config.umask {
        limits::set_umask(mask);
    }
    let logs = Logs::open(&setup)?;
    log::start(Arc::clone(&logs.error), setup.config.log_level)?;
    announce(&setup);
    let code = serve(setup, &logs).unwrap_or_else(|error| {
        error!(code = "RH0110", "cannot serve: {error:#}");
        1
    });
    info!(code = "RH0109", status = code, "ended");
    Ok(code)
}

fn serve(setup: Setup, logs: &Logs) -> anyhow::Result<i32> {
    // From here on a signal waits to be read: none ends the process between the pid file and the first worker.
    let signals = Signals::take()?;
    let wanted = setup.config.max_connections as u64 + DESCRIPTORS_BESIDE_CONNECTIONS;
    limits::raise_open_files(wanted)?;
    let _pid_file = setup
        .config
        .pid
        .as_deref()
        .map(PidFile::create)
        .transpose()?;
    let listeners = Listeners::bind(&setup.config, setup.identity.as_ref())?;
    inherit::keep_unclaimed()?;
    for address in listeners.addresses() {
        info!(code = "RH0102", "listening on {address}");
    }
    if let Some(address) = listeners.health_address() {
        info!(code = "RH0102", "listening for health checks on {address}");
    }
    let mut errand = Errand::new(&setup.config, logs, signals)?;
    let code = errand.run(&mut Processes::new(&setup, &listeners));
    Ok(code)
}

/// The first lines of a log say what runs.
fn announce(setup: &Setup) {
    let (major, minor, micro) = setup.python.version;
    let build = if setup.python.free_threaded {
        " free-threaded"
    } else {
        ""
    };
    let gil = match setup.gil {
        ResolvedGil::Shared => "shared",
        ResolvedGil::Own => "own",
        ResolvedGil::Off => "off",
    };
    let config = &setup.config;
    let interpreters = config
        .interpreters
        .map_or("main interpreter".to_owned(), |n| counted(n, "interpreter"));
    let (workers, threads) = (
        counted(config.workers, "worker"),
        counted(config.threads, "thread"),
    );
    info!(
        code = "RH0101",
        "rickhouse {} on Python {major}.{minor}.{micro}{build}, GIL {gil}: {workers} x {interpreters} x {threads}",
        env!("CARGO_PKG_VERSION"),
    );
    if process::is_root() && setup.identity.is_none() {
        info!(
            code = "RH0103",
            "the application runs as root; --user and --group say as whom it should"
        );
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The logs of the whole server. The supervisor writes to the error log only, but opens all of them: it has the
/// privileges for it, and a mistake shows before a worker is started.
#[derive(Debug)]
struct Logs {
    error: Arc<Output>,
    access: Option<Output>,
}

impl Logs {
    fn open(setup: &Setup) -> anyhow::Result<Self> {
        let (config, owner) = (&setup.config, setup.identity.as_ref());
        let access = config
            .access_logfile
            .as_ref()
            .map(|file| Output::open(file, io::stdout(), owner))
            .transpose()?;
        let error = Arc::new(Output::open(&config.error_logfile, io::stderr(), owner)?);
        Ok(Self { error, access })
    }

    fn reopen(&self) -> anyhow::Result<()> {
        self.error.reopen()?;
        self.access.as_ref().map_or(Ok(()), Output::reopen)
    }
}
