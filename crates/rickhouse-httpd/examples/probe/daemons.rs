//! Daemon processes: forked once per generation, again when one dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rickhouse_httpd::log::{self, Level, Scope};
use rickhouse_httpd::process::{Ended, Forked};
use rickhouse_httpd::{Generation, at, mpm};
use signal_hook::consts::SIGTERM;

use crate::Probe;

/// Whether this generation has its daemons. The library stays loaded, so that this outlives a generation.
static STARTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn new_generation() {
    STARTED.store(false, Ordering::Relaxed);
}

/// At first start there is no scoreboard in `post_config`, after a restart there is no `pre_mpm` in some MPMs: whoever
/// comes first starts them.
pub(crate) fn start(generation: &Generation<'_>) {
    if !STARTED.swap(true, Ordering::Relaxed) {
        for _ in 0..generation.server().config::<Probe>().daemons {
            start_one(generation);
        }
    }
}

fn start_one(generation: &Generation<'_>) {
    let started = generation.fork(run, |ended, generation| {
        let scope = Scope::Server(generation.server());
        log::write(
            scope,
            Level::Info,
            at!(),
            format_args!("daemon ended: {ended:?}, mpm {:?}", mpm::state()),
        );
        let is_gone = matches!(ended, Ended::Died(_) | Ended::Lost);
        if is_gone && mpm::state() != mpm::MpmState::Stopping {
            start_one(generation);
        }
    });
    if let Err(status) = started {
        let scope = Scope::Server(generation.server());
        log::write(
            scope,
            Level::Error,
            at!(),
            format_args!("WSGI0024: cannot fork: {status}"),
        );
    }
}

fn run(forked: &Forked<'_>) -> u8 {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&stop)).expect("SIGTERM may be handled");
    forked.close_listeners();
    let servers = forked.generation().server();
    let second = servers
        .and_following()
        .find(|server| server.hostname() == Some(b"second"));
    if let Some(second) = second {
        forked
            .adopt_error_log(second)
            .expect("descriptor 2 can be replaced");
    }
    let generation = mpm::generation();
    log::write(
        Scope::Server(servers),
        Level::Info,
        at!(),
        format_args!("daemon of generation {generation} runs"),
    );
    eprintln!("daemon writes to descriptor 2");
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    log::write(
        Scope::Server(servers),
        Level::Info,
        at!(),
        format_args!("daemon stops"),
    );
    100
}
