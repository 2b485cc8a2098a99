//! The processes of a group, from the parent's point of view (DD §10.7).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rickhouse_daemon::{Rest, exit};
use rickhouse_directives::messages;
use rickhouse_httpd::log::{self as httpd_log, Level, Scope};
use rickhouse_httpd::mpm::MpmState;
use rickhouse_httpd::process::Ended;
use rickhouse_httpd::{Generation, at, mpm};
use rickhouse_os::child_ends::{self, End};
use rickhouse_os::shared::SharedFlag;

use super::daemon;
use super::group::{Group, Parent};
use crate::log;

/// Starts process `number` (from 1) of a group, and keeps it running.
pub(super) fn start_process(
    generation: &Generation<'_>,
    parent: &Arc<Parent>,
    group: &Arc<Group>,
    number: u32,
) {
    start_after(None, generation, parent, group, number);
}

/// Starts what could not be started before and is due now; httpd's parent looks around about every ten seconds.
pub(super) fn fill_places(generation: &Generation<'_>, parent: &Arc<Parent>, group: &Arc<Group>) {
    let due = group.lock_places().take_due(Instant::now());
    for number in due {
        start_process(generation, parent, group, number);
    }
}

/// As [`start_process`]; the process begins with a rest. The parent cannot wait: it has no clock but httpd's, and other
/// groups to look after.
fn start_after(
    rest: Option<Rest>,
    generation: &Generation<'_>,
    parent: &Arc<Parent>,
    group: &Arc<Group>,
    number: u32,
) {
    let pid = Arc::new(AtomicI32::new(0));
    let in_order = SharedFlag::create().ok().map(Arc::new);
    let started = Instant::now() + rest.map_or(Duration::ZERO, |rest| rest.length);
    let watched = Watched {
        parent: Arc::clone(parent),
        group: Arc::clone(group),
        number,
        pid: Arc::clone(&pid),
        started,
        in_order: in_order.clone(),
    };
    let inside = |forked: &rickhouse_httpd::process::Forked<'_>| {
        let status = daemon::live(forked, parent, group, rest);
        if let Some(flag) = in_order.filter(|_| i32::from(status) == exit::CLEAN) {
            flag.set();
        }
        status
    };
    match generation.fork(inside, move |ended, generation| {
        watched.ended(ended, generation)
    }) {
        Ok(forked) => {
            pid.store(forked, Ordering::Relaxed);
            group.lock_places().fill(number, started);
        }
        Err(_) => {
            log::process(&messages::spawn_failed(&group.process.name));
            group.lock_places().could_not_fill(number, Instant::now());
        }
    }
}

/// The shortest wait after a process that ended by itself as soon as it began, with whatever status: an import script that
/// ends the process ends the next one as well.
const PAUSE: Duration = Duration::from_secs(1);

/// Below this a process has not lived: a second, and the one that httpd may take to look for ended children.
const SHORT_LIFE: Duration = Duration::from_secs(2);

/// A running process.
struct Watched {
    parent: Arc<Parent>,
    group: Arc<Group>,
    number: u32,
    pid: Arc<AtomicI32>,
    started: Instant,
    /// Set by a process that ends as it was told to, which its exit status alone does not say: a script can end a process
    /// with any. `None` when there was no memory for it.
    in_order: Option<Arc<SharedFlag>>,
}

impl Watched {
    fn ended(self, ended: Ended, generation: &Generation<'_>) {
        self.group.lock_places().vacate(self.number);
        let stopping = matches!(mpm::state(), MpmState::Stopping | MpmState::Unknown);
        let next = match ended {
            Ended::Died(_) if stopping => {
                self.say(format_args!(
                    "has died but server is being stopped, deregister it."
                ));
                None
            }
            Ended::Died(status) => {
                self.say(format_args!("has died; deregistering and restarting it."));
                let end = end_of(self.pid(), status);
                match end {
                    End::Status(status) => {
                        self.say(format_args!("terminated normally, exit code {status}"))
                    }
                    End::Signal(signal) => self.say(format_args!("terminated by signal {signal}")),
                }
                Some(self.rest_after(end))
            }
            Ended::Lost => {
                self.say(format_args!(
                    "appears to have been lost; deregistering and restarting it."
                ));
                Some(None)
            }
            Ended::Restarting => {
                let (name, pid) = (&self.group.process.name, self.pid());
                info(format_args!(
                    "Deregistering daemon process '{name}' (pid={pid}); server is restarting or shutting down."
                ));
                None
            }
            Ended::Discarded => None,
        };
        self.say(format_args!(
            "has been deregistered and will no longer be monitored."
        ));
        if let Some(rest) = next {
            start_after(rest, generation, &self.parent, &self.group, self.number);
        }
    }

    /// How the next process begins: at once (DD §10.7), unless this one failed or hardly lived. One that was told to end
    /// (`maximum-requests`, a changed script, a timer, a service script's return) may be as young as it likes.
    fn rest_after(&self, end: End) -> Option<Rest> {
        let (now, uptime) = (Instant::now(), self.started.elapsed());
        let in_order = self.in_order.as_ref().is_some_and(|flag| flag.is_set());
        if !is_failure(end) && (in_order || uptime >= SHORT_LIFE) {
            return None;
        }
        let mut length = self.group.lock_places().process_failed(now, uptime);
        let hopeless = matches!(end, End::Status(status) if exit::asks_for_patience(status));
        if hopeless || uptime < SHORT_LIFE {
            length = length.max(PAUSE);
        }
        let (name, seconds) = (&self.group.process.name, length.as_secs_f64());
        info(format_args!(
            "Process '{name}' failed; the next one starts after {seconds:.1} seconds."
        ));
        Some(Rest {
            length,
            refusing: hopeless && !self.group.lock_places().any_serves(now),
            before_setup: end == End::Status(exit::SETUP_FAILED),
        })
    }

    fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    fn say(&self, what: fmt::Arguments<'_>) {
        let (name, pid) = (&self.group.process.name, self.pid());
        info(format_args!("Process '{name}' (pid={pid}) {what}"));
    }
}

/// How a process ended. httpd tells one number, which is its exit status or the signal that killed it; the kernel has said
/// which, unless several children ended in the same moment (DD §14 row 82).
fn end_of(pid: i32, number: i32) -> End {
    /// Signals that end a daemon, which handles or ignores all others: QUIT, ILL, TRAP, ABRT, BUS, FPE, KILL, SEGV, ALRM,
    /// TERM (before it is handled), STKFLT, VTALRM, PROF, IO, PWR, SYS.
    const DEADLY: [i32; 16] = [3, 4, 5, 6, 7, 8, 9, 11, 14, 15, 16, 26, 27, 29, 30, 31];
    let told = u32::try_from(pid).ok().and_then(child_ends::take);
    told.unwrap_or(match DEADLY.contains(&number) {
        true => End::Signal(number),
        false => End::Status(number),
    })
}

/// Whether the next process is likely to fare no better.
fn is_failure(end: End) -> bool {
    !matches!(end, End::Status(exit::CLEAN | exit::FORCED))
}

fn info(text: fmt::Arguments<'_>) {
    httpd_log::write(Scope::Current, Level::Info, at!(), text);
}
