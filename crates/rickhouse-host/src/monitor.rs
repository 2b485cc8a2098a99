//! The monitor of an interpreter: a thread of its own that interrupts requests in place and proves that the
//! interpreter can be entered.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rickhouse_python::{GilKind, Python, ThreadState, request_async_exception};

use crate::application::Application;
use crate::watch::ThreadWatch;

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
    pub(crate) fn start(application: &Arc<Application>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let application = Arc::clone(application);
        let name = format!("monitor-{}", application.interpreter().id());
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || watch(&application, &stopped))?;
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

fn watch(application: &Application, stopped: &mpsc::Receiver<()>) {
    let mut state = ThreadState::new(application.interpreter());
    let timeout = application.settings().request_timeout;
    let tick = timeout.map_or(HEARTBEAT, |timeout| INTERRUPT_TICK.min(timeout));
    let mut next_beat = 0;
    loop {
        let now = application.watch.now_ms();
        let late = timeout
            .map(|timeout| late_requests(application, now, timeout))
            .unwrap_or_default();
        if now >= next_beat || !late.is_empty() {
            let interrupted: Vec<Interrupted> = state.attach_ahead(|py| {
                application.watch.beat();
                late.iter()
                    .filter_map(|(thread, request)| interrupt(py, application, thread, *request))
                    .collect()
            });
            interrupted.iter().for_each(explain);
            next_beat = now + u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX);
        }
        match stopped.recv_timeout(tick) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The requests that have been running for too long, with their threads.
fn late_requests(
    application: &Application,
    now_ms: u64,
    timeout: Duration,
) -> Vec<(&ThreadWatch, u64)> {
    let late = |thread| {
        ThreadWatch::late_request(thread, now_ms, timeout).map(|request| (thread, request))
    };
    application
        .watch
        .threads()
        .iter()
        .filter_map(late)
        .collect()
}

/// What the log says about a request that was interrupted.
struct Interrupted {
    label: String,
    stack: String,
}

/// Raises `RequestTimeout` in the thread's request, if it still runs, and tells what to log the first time. The wait for
/// the interpreter can be long: by now the thread may have gone on to another request.
fn interrupt(
    py: Python<'_>,
    application: &Application,
    thread: &ThreadWatch,
    request: u64,
) -> Option<Interrupted> {
    let (ident, native_id, first, label) = {
        let current = thread.current();
        match current.thread {
            Some(ident) if current.request == request => (
                ident,
                current.native_id,
                current.interrupts == 0,
                current.label(),
            ),
            _ => return None,
        }
    };
    let stack = match application.interpreter().gil() {
        _ if !first => String::new(),
        GilKind::Off => stack_from_outside(native_id),
        GilKind::Shared | GilKind::Own => application.stack_of(py, ident),
    };
    let class = application.request_timeout(py);
    {
        // The lock keeps the request from ending between the check and the call; on builds with a GIL, being attached
        // does that already.
        let mut current = thread.current();
        if current.request != request {
            return None;
        }
        current.interrupts += 1;
        request_async_exception(py, ident, Some(&class));
    }
    first.then_some(Interrupted { label, stack })
}

/// Where a thread is, without a single Python object. On a free-threaded build the frame objects that
/// `sys._current_frames` makes belong to this thread: what the request's frames refer to would be let go by us, and its
/// finalisers, run later by the thread of the request, would swallow an interruption meant for the application.
fn stack_from_outside(native_id: u64) -> String {
    let threads = rickhouse_python::stacks().unwrap_or_default();
    let frames = threads
        .into_iter()
        .filter(|thread| thread.native_id == native_id && !thread.frames.is_empty())
        .flat_map(|thread| thread.frames);
    let mut lines: Vec<String> = frames
        .map(|frame| {
            let (file, line, function) = (frame.file, frame.line, frame.function);
            format!("  File \"{file}\", line {line}, in {function}")
        })
        .collect();
    lines.reverse();
    lines.join("\n")
}

fn explain(interrupted: &Interrupted) {
    let stack = match interrupted.stack.as_str() {
        "" => "its thread runs no Python code at the moment",
        stack => stack,
    };
    tracing::warn!(
        code = "RH0301",
        request = interrupted.label,
        detail = stack,
        "the request exceeded the request timeout and is interrupted"
    );
}
