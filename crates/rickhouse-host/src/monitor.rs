//! The monitor of an interpreter: a thread of its own that interrupts requests in place and proves that the
//! interpreter can be entered.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rickhouse_python::{
    GilKind, Object, Python, ThreadIdent, ThreadState, request_async_exception,
};

use crate::hosted::Hosted;
use crate::report::{Interruption, Report, StackLine};
use crate::watch::{Interrupts, ThreadWatch};

/// How often the interpreter is entered to show that it can be.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How often requests are looked at when there is a request timeout, and the pause between two interruptions of one.
const INTERRUPT_TICK: Duration = Duration::from_millis(100);

/// A running monitor; it ends when this is dropped.
pub(crate) struct Monitor {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Starts a monitor for what `hosted` finds in `owner`, which the monitor keeps alive.
    pub(crate) fn start<T: Send + Sync + 'static>(
        owner: Arc<T>,
        hosted: fn(&T) -> &Hosted,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let name = format!("monitor-{}", hosted(&owner).interpreter().id());
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || watch(hosted(&owner), &stopped))?;
        Ok(Monitor {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Ends the monitor, unless it is held up in front of an interpreter that cannot be entered.
    pub(crate) fn stop(&mut self, patience: Duration) {
        self.stop = None;
        let deadline = std::time::Instant::now() + patience;
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && std::time::Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // A panic of the monitor was reported by the panic hook when it happened.
                let _reported = thread.join();
            }
        }
    }
}

fn watch(hosted: &Hosted, stopped: &mpsc::Receiver<()>) {
    let mut state = ThreadState::new(hosted.interpreter());
    let limits = hosted.watch.limits;
    let timeout = limits
        .request_timeout
        .filter(|_| limits.interrupts != Interrupts::Never);
    let tick = timeout.map_or(HEARTBEAT, |timeout| INTERRUPT_TICK.min(timeout));
    let mut next_beat = 0;
    loop {
        let now = hosted.watch.now_ms();
        let late = timeout
            .map(|timeout| late_requests(hosted, now, timeout))
            .unwrap_or_default();
        if now >= next_beat || !late.is_empty() {
            let targets: Vec<Target> = state.attach_ahead(|py| {
                hosted.watch.beat();
                let target = |late| Target::find(py, hosted, late);
                late.iter().filter_map(target).collect()
            });
            interrupt(&mut state, hosted, &targets);
            next_beat = now + u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX);
        }
        match stopped.recv_timeout(tick) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A request that has been running for too long, with its thread.
struct Late {
    thread: Arc<ThreadWatch>,
    request: u64,
    timeout: Duration,
}

fn late_requests(hosted: &Hosted, now_ms: u64, timeout: Duration) -> Vec<Late> {
    let late = |thread: Arc<ThreadWatch>| {
        let request = thread.late_request(now_ms, timeout)?;
        let spared = hosted.watch.limits.interrupts == Interrupts::Once
            && thread.current().interrupted.is_some();
        (!spared).then_some(Late {
            thread,
            request,
            timeout: hosted.watch.limits.configured_timeout.unwrap_or(timeout),
        })
    };
    hosted
        .watch
        .threads()
        .into_iter()
        .filter_map(late)
        .collect()
}

/// Raises `RequestTimeout` in the requests that still run, and reports each the first time. What is reported is reported
/// detached: a log pipe can block. Meanwhile, and in every wait for the interpreter, a thread may have gone on to another
/// request.
fn interrupt(state: &mut ThreadState, hosted: &Hosted, targets: &[Target]) {
    if targets.is_empty() {
        return;
    }
    let reporter = &hosted.traits().reporter;
    for target in targets.iter().filter(|target| target.first) {
        reporter.report(&Report::Interrupting(target.describe()));
    }
    let injected: Vec<&Target> = state.attach_ahead(|py| {
        let class = hosted.request_timeout(py);
        let reached = |target: &&Target| target.inject(py, &class);
        targets.iter().filter(reached).collect()
    });
    for target in injected.iter().filter(|target| target.first) {
        let thread = target.thread.number();
        reporter.report(&Report::Injected { thread });
    }
}

/// What there is to know of a late request that still runs.
struct Target {
    thread: Arc<ThreadWatch>,
    request: u64,
    timeout: Duration,
    ident: ThreadIdent,
    /// It was not interrupted before.
    first: bool,
    label: String,
    stack: Vec<StackLine>,
}

impl Target {
    fn find(py: Python<'_>, hosted: &Hosted, late: &Late) -> Option<Self> {
        let (ident, native_id, first, label) = {
            let current = late.thread.current();
            let ident = current.thread.filter(|_| current.request == late.request)?;
            let first = current.interrupted.is_none();
            (ident, current.native_id, first, current.label())
        };
        let stack = match hosted.interpreter().gil() {
            _ if !first => Vec::new(),
            GilKind::Off => stack_from_outside(native_id),
            GilKind::Shared | GilKind::Own => hosted.stack_of(py, ident),
        };
        Some(Target {
            thread: Arc::clone(&late.thread),
            request: late.request,
            timeout: late.timeout,
            ident,
            first,
            label,
            stack,
        })
    }

    fn describe(&self) -> Interruption<'_> {
        Interruption {
            request: &self.label,
            thread: self.thread.number(),
            ident: self.ident.as_u64(),
            timeout: self.timeout,
            stack: &self.stack,
        }
    }

    /// Returns whether the request still ran.
    fn inject<'py>(&self, py: Python<'py>, class: &Object<'py>) -> bool {
        // The lock keeps the request from ending between the check and the call; on builds with a GIL, being attached
        // does that already.
        let mut current = self.thread.current();
        if current.request != self.request {
            return false;
        }
        current.interrupted.get_or_insert_with(Instant::now);
        request_async_exception(py, self.ident, Some(class));
        true
    }
}

/// Where a thread is, without a single Python object. On a free-threaded build the frame objects that
/// `sys._current_frames` makes belong to this thread: what the request's frames refer to would be let go by us, and its
/// finalisers, run later by the thread of the request, would swallow an interruption meant for the application.
fn stack_from_outside(native_id: u64) -> Vec<StackLine> {
    let threads = rickhouse_python::stacks().unwrap_or_default();
    threads
        .into_iter()
        .filter(|thread| thread.native_id == native_id)
        .flat_map(|thread| thread.frames)
        .map(StackLine::from)
        .collect()
}
