//! What the engine writes into the server's log. Every write happens detached: a log pipe can block.

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Method, MethodBody, Object, PyResult, Python,
};

use crate::adapter::Request;
use crate::application::Application;

/// The request a record is about: its request line, escaped by the log.
pub(crate) fn label(request: &Request) -> String {
    request
        .exchange
        .with(|exchange| {
            let (method, target) = exchange.request_line();
            format!(
                "{} {}",
                String::from_utf8_lossy(method),
                String::from_utf8_lossy(target)
            )
        })
        .unwrap_or_default()
}

/// An exception that an application let go. The traceback is the record's `detail`: one record, so that its text, which
/// a client can have a say in, cannot pass for another.
pub(crate) fn exception<'py>(
    py: Python<'py>,
    application: &Application,
    label: &str,
    error: &Error<'py>,
) {
    let header = if error.is(py, ErrorKind::SystemExit) {
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
    let text = application.format_exception(py, error);
    py.detach(|| {
        tracing::error!(
            code = header.0,
            request = label,
            detail = text,
            "{}",
            header.1
        )
    });
}

/// A request that the request timeout ended; its thread goes on.
pub(crate) fn interrupted(py: Python<'_>, label: &str, sent: bool) {
    py.detach(|| {
        if sent {
            tracing::info!(
                code = "RH0305",
                request = label,
                "Request interrupted by RequestTimeout after headers sent; response truncated."
            );
        } else {
            tracing::info!(
                code = "RH0306",
                request = label,
                "Request interrupted by RequestTimeout; thread recovered."
            );
        }
    });
}

/// The client left before its response was complete, or broke off its request; nobody has to act.
pub(crate) fn client_gone(py: Python<'_>, label: &str, reason: &str) {
    py.detach(|| {
        tracing::debug!(
            request = label,
            reason,
            "the client ended the request before its response was complete"
        )
    });
}

/// Where complete lines of `wsgi.errors` go: a callable that the bootstrap module's `Log` holds.
pub(crate) struct Emitter;

impl Class for Emitter {
    const NAME: &'static std::ffi::CStr = c"mod_wsgi.Emitter";

    fn methods() -> Vec<Method<Self>> {
        vec![
            Method::of::<EmitError>(),
            Method::of::<EmitWarning>(),
            Method::of::<GilSwitchedOn>(),
        ]
    }
}

struct EmitError;

impl MethodBody<Emitter> for EmitError {
    const NAME: &'static std::ffi::CStr = c"error";
    const DOC: &'static std::ffi::CStr = c"error(line): write an error record.";

    fn call<'py>(
        _: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let line = line(py, args)?;
        py.detach(|| tracing::error!(target: "wsgi.errors", "{line}"));
        Ok(py.none())
    }
}

struct EmitWarning;

impl MethodBody<Emitter> for EmitWarning {
    const NAME: &'static std::ffi::CStr = c"warning";
    const DOC: &'static std::ffi::CStr = c"warning(line): write a warning record.";

    fn call<'py>(
        _: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let line = line(py, args)?;
        py.detach(|| tracing::warn!(target: "wsgi", "{line}"));
        Ok(py.none())
    }
}

struct GilSwitchedOn;

impl MethodBody<Emitter> for GilSwitchedOn {
    const NAME: &'static std::ffi::CStr = c"gil_switched_on";
    const DOC: &'static std::ffi::CStr =
        c"gil_switched_on(module): say that importing an extension module switched the GIL on.";

    fn call<'py>(
        _: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let module = line(py, args)?;
        py.detach(|| {
            tracing::error!(
                code = "RH0304",
                module,
                "importing an extension module switched the GIL on: threads take turns from now on"
            );
        });
        Ok(py.none())
    }
}

fn line<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<'py, String> {
    match args.positional() {
        [line] => match line.as_bytes() {
            Some(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            None => line.to_text(py),
        },
        _ => Err(Error::new(py, ErrorKind::Type, "expected one line")),
    }
}
