//! What reports read like in httpd's error log (DD §11, §12.3): phrases and codes that operators search for.

use std::path::Path;

use crate::report::{ExceptionReport, Interruption, Phase, Report, StackLine};
use crate::scripts::process::Scripts;
use crate::scripts::record::{Level, Record, Scope};
use crate::scripts::settings::ProcessKind;

impl Report<'_> {
    /// The report as records of a process of this kind, in order.
    pub fn records(&self, process: &ProcessKind, emit: &mut dyn FnMut(&Record)) {
        match self {
            Report::Exception(report) => exception(report, process, emit),
            Report::Interrupting(interruption) => interrupting(interruption, process, emit),
            Report::Injected { thread } => {
                let words = words(process);
                let text = format!("Injected RequestTimeout into thread {thread} of {words}.");
                emit(&Record::process(Level::Info, None, text));
            }
            Report::Interrupted { sent, .. } => emit(&interrupted(*sent)),
            Report::ClientGone { reason, .. } => {
                let text = format!("The client ended the request early: {reason}.");
                emit(&Record::request(Level::Trace, None, text));
            }
            Report::Line { in_request, line } => emit(&Record {
                level: Level::Error,
                code: None,
                scope: if *in_request {
                    Scope::Request
                } else {
                    Scope::Process
                },
                message: line.to_vec(),
                place: None,
            }),
            Report::SignalIgnored { signal, stack } => signal_ignored(*signal, stack, emit),
            Report::GilSwitchedOn { module } => {
                let text = format!(
                    "Importing '{module}' switched the GIL on in {}.",
                    words(process)
                );
                emit(&Record::process(Level::Warning, None, text));
            }
            Report::ExitHandlersFailed {
                interpreter,
                detail,
            } => exit_handlers_failed(interpreter, detail, emit),
            Report::Record(record) => emit(record),
        }
    }
}

/// `<process>` in messages.
pub(crate) fn words(process: &ProcessKind) -> String {
    match process {
        ProcessKind::Embedded => "embedded mode".to_owned(),
        ProcessKind::Daemon(group) => format!("daemon process '{group}'"),
    }
}

/// `<interp>` in messages.
pub(crate) fn interpreter(name: &str) -> String {
    match name {
        "" => "main interpreter".to_owned(),
        name => format!("sub-interpreter '{name}'"),
    }
}

/// `<context>` in messages: an interpreter and its process.
pub(crate) fn context(name: &str, process: &ProcessKind) -> String {
    let preposition = match process {
        ProcessKind::Embedded => "in",
        ProcessKind::Daemon(_) => "of",
    };
    format!("{} {preposition} {}", interpreter(name), words(process))
}

/// No interpreter for a request.
pub(crate) fn unacquired_handler(group: &str, scripts: &Scripts) -> Record {
    let interpreter = interpreter(group);
    let process = words(&scripts.settings.process);
    let text = format!("Unable to acquire {interpreter} for WSGI request handler in {process}.");
    Record::request(Level::Error, 87, text)
}

/// No interpreter for an import script.
pub(crate) fn unacquired_preload(group: &str) -> Record {
    let interpreter = interpreter(group);
    let text = format!("Unable to acquire {interpreter} during daemon startup script preload.");
    Record::process(Level::Critical, 40, text)
}

/// A script is being loaded, again or for the first time.
pub(crate) fn loading(script: &Path, name: &str, process: &ProcessKind, again: bool) -> Record {
    let verb = if again { "Reloading" } else { "Loading" };
    let (script, context) = (script.display(), context(name, process));
    let text = format!("{verb} WSGI script '{script}' into {context}.");
    Record::process(Level::Info, None, text)
}

/// A daemon ends because a script has changed.
pub(crate) fn forced_restart(script: &Path, process: &ProcessKind) -> Record {
    let (process, script) = (words(process), script.display());
    let text = format!("Forcing restart of {process} due to modification of script '{script}'.");
    Record::process(Level::Info, None, text)
}

/// A script's module lacks the callable.
pub(crate) fn no_callable(script: &Path, callable: &str) -> Record {
    let script = script.display();
    let text =
        format!("Target WSGI script '{script}' does not contain WSGI application '{callable}'.");
    Record::request(Level::Error, 89, text)
}

/// A script cannot be read, or is no Python.
pub(crate) fn not_compiled(
    script: &Path,
    name: &str,
    process: &ProcessKind,
    at_request: bool,
) -> Record {
    let (script, context) = (script.display(), context(name, process));
    let text = format!("Could not read or compile WSGI script '{script}' for {context}.");
    load_failure(at_request, (105, 106), text)
}

/// A script raised `SystemExit` while it was loaded.
pub(crate) fn exited(script: &Path, at_request: bool) -> Record {
    let script = script.display();
    let text =
        format!("SystemExit exception raised when doing exec of Python script file '{script}'.");
    load_failure(at_request, (107, 108), text)
}

/// A script raised another exception while it was loaded.
pub(crate) fn not_executed(script: &Path, at_request: bool) -> Record {
    let text = format!(
        "Unable to execute Python script file '{}'.",
        script.display()
    );
    load_failure(at_request, (109, 110), text)
}

/// Codes differ between requests and start-up.
fn load_failure(at_request: bool, codes: (u16, u16), text: String) -> Record {
    if at_request {
        Record::request(Level::Error, codes.0, text)
    } else {
        Record::process(Level::Error, codes.1, text)
    }
}

/// The first record of an exception, then a record for each line of its traceback that is not empty (DD §11.2).
fn exception(report: &ExceptionReport<'_>, process: &ProcessKind, emit: &mut dyn FnMut(&Record)) {
    let in_request = matches!(report.phase, Phase::Request | Phase::CloseLookup);
    let (header, detail) = if in_request {
        (Scope::RequestHeader, Scope::RequestDetail)
    } else {
        (Scope::Process, Scope::Process)
    };
    if report.phase == Phase::CloseLookup {
        let text = "Lookup of 'close' attribute on WSGI response iterable raised an exception.";
        emit(&Record::request(Level::Error, 194, text));
    }
    let (code, text) = header_of(report, process);
    emit(&Record::new(Level::Error, Some(code), header, text));
    lines(report.traceback, detail, emit);
}

fn header_of(report: &ExceptionReport<'_>, process: &ProcessKind) -> (u16, String) {
    let (class, script) = (report.class_name, report.script);
    let context = context(report.interpreter, process);
    match (report.phase, report.system_exit) {
        (Phase::InterpreterSetup, false) => (
            188,
            format!(
                "{class} exception raised during Python interpreter initialisation for {context}."
            ),
        ),
        (Phase::InterpreterSetup, true) => (
            189,
            format!(
                "{class} exception raised during Python interpreter initialisation for {context}; ignored."
            ),
        ),
        (_, false) => (
            174,
            format!("{class} exception raised processing WSGI script '{script}' for {context}."),
        ),
        (_, true) => (
            175,
            format!("{class} exception raised by WSGI script '{script}' for {context}; ignored."),
        ),
    }
}

fn lines(text: &str, scope: Scope, emit: &mut dyn FnMut(&Record)) {
    for line in text.lines().filter(|line| !line.is_empty()) {
        emit(&Record::new(Level::Error, None, scope, line));
    }
}

fn interrupted(sent: bool) -> Record {
    let text = if sent {
        "Request interrupted by RequestTimeout after headers sent; response truncated."
    } else {
        "Request interrupted by RequestTimeout; thread recovered."
    };
    Record::request(Level::Info, None, text)
}

fn interrupting(
    interruption: &Interruption<'_>,
    process: &ProcessKind,
    emit: &mut dyn FnMut(&Record),
) {
    let Interruption {
        thread,
        ident,
        timeout,
        stack,
        ..
    } = interruption;
    let seconds = timeout.as_secs_f64();
    let text = format!(
        "Dumping stack trace for thread {thread} of {} which has exceeded request-timeout of {seconds:.0} seconds, \
         before injecting RequestTimeout to unwind it.",
        words(process)
    );
    emit(&Record::process(Level::Info, None, text));
    calls(
        &format!("Thread {ident} executing"),
        stack,
        Scope::Process,
        emit,
    );
}

/// A stack, one record a call; `first` begins the innermost one's (DD §4.5.2).
pub(crate) fn calls(first: &str, stack: &[StackLine], scope: Scope, emit: &mut dyn FnMut(&Record)) {
    for (index, call) in stack.iter().enumerate() {
        let StackLine {
            file,
            line,
            function,
            ..
        } = call;
        let text = match index {
            0 => format!("{first} file \"{file}\", line {line}, in {function}"),
            _ => {
                let end = if index + 1 == stack.len() { '.' } else { ',' };
                format!("called from file \"{file}\", line {line}, in {function}{end}")
            }
        };
        emit(&Record::new(Level::Info, None, scope, text));
    }
}

fn signal_ignored(signal: i64, stack: &[StackLine], emit: &mut dyn FnMut(&Record)) {
    let text = format!(
        "Ignoring Python signal handler registration for signal {signal} in WSGI process; mod_wsgi manages signals."
    );
    emit(&Record::process(Level::Info, None, text));
    calls("Registration in", stack, Scope::Process, emit);
}

fn exit_handlers_failed(name: &str, detail: &str, emit: &mut dyn FnMut(&Record)) {
    let text = format!(
        "exception raised by Python atexit functions during shutdown of {}.",
        interpreter(name)
    );
    emit(&Record::process(Level::Error, 98, text));
    lines(detail, Scope::Process, emit);
}
