//! The end of a daemon process (DD §10.6). Python is never finalised: exit handlers run, and the process is left.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use rickhouse_os::process::{exit_now, flush_streams};
use rickhouse_os::signal_pipe::{self, Signal};
use tracing::{info, warn};

use crate::dispatcher::Dispatcher;
use crate::engine::Engine;
use crate::exit;
use crate::process::Process;
use crate::timers::Timers;

pub(crate) fn stop<E: Engine>(
    process: &Process<E>,
    timers: &Timers,
    dispatcher: Option<Dispatcher>,
    workers: Vec<JoinHandle<()>>,
    limit: Option<Duration>,
) {
    let group = &process.group;
    info!("Shutdown requested for daemon process '{group}'.");
    if let Some(limit) = limit {
        start_reaper(group, limit);
    }
    // One that was left in `accept4` could take a connection that the process's end then cuts off.
    process.end_accepting();
    end_events(group, dispatcher);
    let reason = timers.reason().map_or("", |reason| reason.as_str());
    process.engine.publish_stopping(reason);
    if let Some(offender) = timers.offender() {
        process.engine.dump_stacks(offender);
    }
    join(process, workers);
    info!("Stopping process '{group}'.");
    process.engine.stop();
    flush_streams();
    info!("Exiting daemon process '{group}'.");
}

/// Ends the process by force unless it ends by itself before.
fn start_reaper(group: &str, limit: Duration) {
    let name = group.to_owned();
    let reaper = thread::Builder::new().name("wsgi-reaper".to_owned());
    let started = reaper.spawn(move || {
        thread::sleep(limit);
        abort(&name)
    });
    if let Err(error) = started {
        warn!(
            code = "WSGI0070",
            "Unable to create reaper thread in daemon process '{group}': {error}."
        );
    }
}

/// Ends the process by force, at once.
pub(crate) fn abort(group: &str) -> ! {
    info!("Shutdown timeout expired; aborting daemon process '{group}'.");
    info!("Exiting daemon process '{group}'.");
    exit_now(exit::FORCED)
}

fn end_events(group: &str, dispatcher: Option<Dispatcher>) {
    // Nobody will read them; what cannot be ignored is at worst one byte in a pipe.
    let _kept = signal_pipe::ignore(&[Signal::HangUp, Signal::User2]);
    if let Some(Err(_panic)) = dispatcher.map(Dispatcher::end) {
        warn!("Unable to join with signal dispatcher thread in daemon process '{group}'.");
    }
}

fn join<E: Engine>(process: &Process<E>, workers: Vec<JoinHandle<()>>) {
    for (number, worker) in workers.into_iter().enumerate() {
        if worker.join().is_err() {
            warn!(
                code = "WSGI0071",
                "Unable to join with worker thread {number} in daemon process '{}'.", process.group
            );
        }
    }
}
