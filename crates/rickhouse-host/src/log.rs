//! How the standalone server's log reads, and the reports that several places make.

use rickhouse_python::{Error, ErrorKind, Python};

use crate::adapter::{Request, Subject};
use crate::hosted::Hosted;
use crate::report::{ExceptionReport, Interruption, Phase, Report, Reporter, StackLine};

/// The request a report is about: its request line. Any byte may occur; the log escapes it.
pub(crate) fn label(py: Python<'_>, request: &Request) -> String {
    request
        .exchange
        .with_turn(py, |exchange| {
            let (method, target) = exchange.request_line();
            format!(
                "{} {}",
                String::from_utf8_lossy(method),
                String::from_utf8_lossy(target)
            )
        })
        .unwrap_or_default()
}

/// Reports an exception that an application let go.
pub(crate) fn exception<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    subject: &Subject<'_>,
    phase: Phase,
    error: &Error<'py>,
) {
    let traceback = hosted.format_exception(py, error);
    hosted.report(
        py,
        &Report::Exception(ExceptionReport {
            phase,
            class_name: &error.value().type_name(),
            system_exit: error.is(py, ErrorKind::SystemExit),
            traceback: &traceback,
            request: subject.request,
            script: subject.script,
            interpreter: &hosted.traits().name,
        }),
    );
}

/// Reports a request that the request timeout ended; its thread goes on.
pub(crate) fn interrupted(py: Python<'_>, hosted: &Hosted, request: &str, sent: bool) {
    hosted.report(py, &Report::Interrupted { request, sent });
}

/// Writes reports as `tracing` events.
pub(crate) struct TracingReporter;

impl Reporter for TracingReporter {
    fn report(&self, report: &Report<'_>) {
        match *report {
            Report::Exception(report) => log_exception(&report),
            Report::Interrupting(interruption) => log_interruption(&interruption),
            // Said with the above.
            Report::Injected { .. } => {}
            Report::Interrupted { request, sent } => log_interrupted(request, sent),
            Report::ClientGone { request, reason } => tracing::debug!(
                request,
                reason,
                "the client ended the request before its response was complete"
            ),
            Report::Line { line, .. } => {
                tracing::error!(target: "wsgi.errors", "{}", String::from_utf8_lossy(line));
            }
            Report::SignalIgnored { signal, .. } => tracing::warn!(
                target: "wsgi",
                "signal.signal({signal}, ...) was ignored: the server handles the signals of this process"
            ),
            Report::GilSwitchedOn { module } => tracing::error!(
                code = "RH0304",
                module,
                "importing an extension module switched the GIL on: threads take turns from now on"
            ),
            Report::ExitHandlersFailed { detail, .. } => tracing::error!(
                code = "RH0303",
                detail,
                "an exit handler of the application failed"
            ),
            Report::Record(record) => tracing::info!(target: "wsgi", "{}", record.text("")),
        }
    }
}

/// The traceback is the record's `detail`: one record, so that its text, which a client can have a say in, cannot pass for
/// another.
fn log_exception(report: &ExceptionReport<'_>) {
    let (code, text) = if report.system_exit {
        (
            "WSGI0175",
            "SystemExit exception raised by the application was ignored",
        )
    } else {
        (
            "WSGI0174",
            "exception occurred while processing the request",
        )
    };
    let (request, detail) = (report.request, report.traceback);
    tracing::error!(code, request, detail, "{text}");
}

fn log_interruption(interruption: &Interruption<'_>) {
    let detail = match interruption.stack {
        [] => "its thread runs no Python code at the moment".to_owned(),
        stack => as_python_shows_it(stack),
    };
    tracing::warn!(
        code = "RH0301",
        request = interruption.request,
        detail,
        "the request exceeded the request timeout and is interrupted"
    );
}

fn log_interrupted(request: &str, sent: bool) {
    if sent {
        tracing::info!(
            code = "RH0305",
            request,
            "Request interrupted by RequestTimeout after headers sent; response truncated."
        );
    } else {
        tracing::info!(
            code = "RH0306",
            request,
            "Request interrupted by RequestTimeout; thread recovered."
        );
    }
}

/// A stack as tracebacks show it: the innermost call last.
fn as_python_shows_it(stack: &[StackLine]) -> String {
    let lines: Vec<String> = stack
        .iter()
        .rev()
        .map(|call| {
            let (file, line, function) = (&call.file, call.line, &call.function);
            let source = match call.source.as_str() {
                "" => String::new(),
                source => format!("\n    {source}"),
            };
            format!("  File \"{file}\", line {line}, in {function}{source}")
        })
        .collect();
    lines.join("\n")
}
