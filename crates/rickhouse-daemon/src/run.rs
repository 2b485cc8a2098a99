//! The life of a daemon process.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rickhouse_os::process::flush_streams;
use rickhouse_os::signal_pipe::{self, Signal};
use tracing::{debug, error, info};

use crate::dispatcher::Dispatcher;
use crate::engine::{Engine, StartError, StartStep};
use crate::exit;
use crate::notice::Inbox;
use crate::process::Process;
use crate::settings::{Settings, TimerSettings};
use crate::setup::{self, Pipes};
use crate::stop;
use crate::timers::{Action, Event, Timers};
use crate::watchman::Watchman;
use crate::worker;

/// Runs a daemon process: to be called by a freshly forked process that has one thread and has let go of what is its
/// parent's (httpd's listening sockets, the sockets and secrets of other groups).
///
/// `start` starts Python, as soon as the process is what it should be; [`Engine::import`] follows. The return value is
/// one of [`exit`]'s: the process has to end by `_exit` with it, at once, since neither Python nor its threads are
/// ended in order. It may end by itself, with [`exit::FORCED`], when the stop takes too long.
pub fn run<E: Engine>(
    settings: Settings,
    start: impl FnOnce() -> Result<Arc<E>, StartError>,
) -> i32 {
    let Ok(pipes) = setup::apply(&settings) else {
        return exit::SETUP_FAILED;
    };
    let group = settings.group.clone();
    // The scripts of a service are what it is for: they hear the signals themselves.
    let is_service = settings.threads == 0;
    let watchman =
        (!is_service).then(|| Watchman::begin(&group, &pipes.control, settings.timers.shutdown));
    let engine = match start() {
        Ok(engine) => engine,
        Err(error) => {
            python_failed(&group, &error);
            return exit::PYTHON_FAILED;
        }
    };
    if is_service {
        return run_service(&group, &*engine, &pipes);
    }
    engine.import();
    let heard = watchman.map(Watchman::end).unwrap_or_default();
    let timers = settings.timers.clone();
    let stack_size = settings.stack_size;
    announce_timers(&timers, &settings);
    let process = Arc::new(Process::new(
        settings,
        engine,
        Inbox::new(pipes.control, heard),
    ));
    let dispatcher = Dispatcher::start(&process, pipes.events, stack_size);
    let Some(workers) = start_workers(&process, stack_size) else {
        return exit::SETUP_FAILED;
    };
    let shutdown = timers.shutdown;
    let threads = process.slots.len();
    let timers = wait(
        &process,
        Timers::new(timers, &group, threads, Instant::now()),
    );
    stop::stop(&process, &timers, dispatcher, workers, shutdown);
    if process.has_failed() {
        exit::ACCEPT_FAILED
    } else {
        exit::CLEAN
    }
}

/// A process without workers: its import scripts are all there is to do (DD §4.6).
fn run_service<E: Engine>(group: &str, engine: &E, pipes: &Pipes) -> i32 {
    // A signal that came before Python could take it would be lost on the scripts.
    let asked_to_end = matches!(pipes.control.next(Some(Duration::ZERO)), Ok(Some(_)));
    if !asked_to_end {
        engine.import();
    }
    // The process ends anyway: `SystemExit` would only hit exit handlers. httpd kills what does not end.
    let _kept = signal_pipe::ignore(&[Signal::Terminate]);
    info!("Stopping process '{group}'.");
    engine.stop();
    flush_streams();
    info!("Exiting daemon process '{group}'.");
    exit::CLEAN
}

fn python_failed(group: &str, error: &StartError) {
    match error.step {
        StartStep::Python => {
            error!(
                code = "WSGI0028",
                level = "crit",
                "Python initialisation failed in daemon process '{group}': {error}"
            );
        }
        StartStep::Interpreter => {
            error!(
                code = "WSGI0029",
                level = "crit",
                "Python child initialisation failed in daemon process '{group}': {error}"
            );
        }
    }
}

/// One line for each timer, also for those that are off (DD §10.2).
fn announce_timers(timers: &TimerSettings, settings: &Settings) {
    let group = &settings.group;
    debug!("Enabling monitor thread in daemon process '{group}'.");
    if timers.deadlock.is_some() {
        debug!("Enabling deadlock thread in daemon process '{group}'.");
    }
    for (name, timeout) in [
        ("Startup timeout", timers.startup),
        ("Deadlock timeout", timers.deadlock),
        ("Idle inactivity timeout", timers.inactivity),
        ("Request time limit", timers.request),
        ("Interrupt timeout", timers.interrupt),
        ("Graceful timeout", Some(timers.graceful)),
        ("Eviction timeout", timers.eviction),
        ("Restart interval", timers.restart_interval),
    ] {
        let seconds = timeout.unwrap_or_default().as_secs();
        debug!("{name} is {seconds} seconds for daemon process '{group}'.");
    }
    let threads = settings.threads;
    debug!("Starting {threads} threads in daemon process '{group}'.");
}

fn start_workers<E: Engine>(
    process: &Arc<Process<E>>,
    stack_size: Option<usize>,
) -> Option<Vec<JoinHandle<()>>> {
    let start = |number: usize| {
        let process = Arc::clone(process);
        let name = format!("wsgi-{number}");
        thread_builder(name, stack_size).spawn(move || worker::work(&process, number))
    };
    let mut workers = Vec::new();
    for number in 0..process.slots.len() {
        match start(number) {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                error!(
                    code = "WSGI0022",
                    level = "alert",
                    "Unable to create worker thread {number} in daemon process: {error}."
                );
                return None;
            }
        }
    }
    Some(workers)
}

pub(crate) fn thread_builder(name: String, stack_size: Option<usize>) -> thread::Builder {
    let builder = thread::Builder::new().name(name);
    match stack_size {
        Some(bytes) => builder.stack_size(bytes),
        None => builder,
    }
}

/// Serves until something ends the process; the timers know what.
fn wait<E: Engine>(process: &Process<E>, mut timers: Timers) -> Timers {
    let mut event = Event::Tick;
    loop {
        let (view, now) = (process.view(), Instant::now());
        for action in timers.handle(event, &view, now) {
            match action {
                Action::Info(text) => info!("{text}"),
                Action::SignalsLost(text) => error!(code = "WSGI0023", level = "alert", "{text}"),
                Action::Stop => return timers,
            }
        }
        let draining = timers.is_draining();
        let begins = draining && !process.is_draining();
        process.set_draining(draining);
        // A request may have ended between the look at the workers and now, and nobody told us.
        let patience = if begins {
            Duration::ZERO
        } else {
            timers.next_look(&view, now)
        };
        event = process.inbox.next(patience);
    }
}
