//! Where the threads of an interpreter are, for the log of a process that ends because of one of them (DD §10.6).

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rickhouse_python::{ThreadIdent, ThreadState};

use crate::report::StackLine;
use crate::scripts::interpreters::Named;
use crate::scripts::process::{Scripts, Watch};
use crate::scripts::record::{Level, Record, Scope};
use crate::scripts::words;

/// How long an interpreter may take to be entered where there is no other way to learn its stacks.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a thread is inside of, innermost call first, after Python's ident of it.
type Stack = (u64, Vec<StackLine>);

impl Watch {
    /// Reports the Python stacks of the interpreter in which the thread with this number serves a request.
    ///
    /// With CPython 3.13 and newer nothing is entered, so that a thread which never lets go of the GIL is shown as well.
    /// Before that the interpreter is entered, if it can be within two seconds, and only threads that serve requests are
    /// shown.
    pub fn dump_stacks(&self, thread: usize) {
        let scripts = self.scripts();
        let process = words::words(&scripts.settings.process);
        let Some(named) = interpreter_of(scripts, thread) else {
            scripts.info(format!(
                "Stack-trace dump skipped: no offending application group was recorded for {process}."
            ));
            return;
        };
        let interpreter = words::interpreter(named.name());
        let Some(stacks) = stacks(&named) else {
            let text =
                format!("Stack-trace dump skipped: unable to acquire {interpreter} in {process}.");
            scripts.say(Record::process(Level::Warning, None, text));
            return;
        };
        if stacks.is_empty() {
            scripts.info(format!(
                "No active Python frames in {interpreter} of {process}; stack-trace dump skipped."
            ));
            return;
        }
        scripts.info(format!(
            "Dumping stack trace for active Python threads of {interpreter} in {process}."
        ));
        for (ident, calls) in stacks {
            let first = format!("Thread {ident} executing");
            words::calls(&first, &calls, Scope::Process, &mut |record| {
                scripts.say(record.clone());
            });
        }
    }
}

/// The interpreter in which a thread serves a request now.
fn interpreter_of(scripts: &Scripts, thread: usize) -> Option<Arc<Named>> {
    let serves = |named: &Arc<Named>| {
        let serving = named.hosted().watch.serving();
        serving.iter().any(|(number, _)| *number == thread)
    };
    scripts.interpreters.all().into_iter().find(serves)
}

/// The threads that run Python code; `None` when that cannot be learned.
fn stacks(named: &Arc<Named>) -> Option<Vec<Stack>> {
    let found = match rickhouse_python::stacks() {
        Some(threads) => {
            let interpreter = named.hosted().interpreter().id();
            let here = threads
                .into_iter()
                .filter(|thread| thread.interpreter == interpreter);
            here.map(|thread| {
                let calls = thread.frames.into_iter().map(StackLine::from);
                (thread.ident, calls.collect())
            })
            .collect()
        }
        None => stacks_from_inside(Arc::clone(named))?,
    };
    let runs = |(_, calls): &Stack| !calls.is_empty();
    Some(found.into_iter().filter(runs).collect())
}

/// On a thread of its own, which is left behind when it does not come back.
fn stacks_from_inside(named: Arc<Named>) -> Option<Vec<Stack>> {
    let (answer, answered) = mpsc::channel();
    let look = move || {
        let hosted = named.hosted();
        let mut state = ThreadState::new(hosted.interpreter());
        let stacks = state.attach_ahead(|py| {
            let stack = |ident: ThreadIdent| (ident.as_u64(), hosted.stack_of(py, ident));
            let serving = hosted.watch.serving().into_iter();
            serving.map(|(_, ident)| stack(ident)).collect()
        });
        // The process is about to end, and giving the state back would have to enter once more.
        state.abandon();
        let _too_late = answer.send(stacks);
    };
    let thread = thread::Builder::new().name("wsgi-stacks".to_owned());
    thread.spawn(look).ok()?;
    answered.recv_timeout(PATIENCE).ok()
}
