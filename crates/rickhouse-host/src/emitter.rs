//! The object through which the engine's own Python code reports.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Method, MethodBody, Object, PyResult, Python,
};

use crate::adapter::CurrentLog;
use crate::hosted::stack_lines;
use crate::report::{Report, Reporter};
use crate::scripts::{Level, Place, Record, Scope};

/// Held by the bootstrap module's `Log` and interceptors.
pub(crate) struct Emitter {
    reporter: Arc<dyn Reporter>,
}

impl Emitter {
    pub(crate) fn new(reporter: Arc<dyn Reporter>) -> Self {
        Emitter { reporter }
    }

    fn report<'py>(&self, py: Python<'py>, report: &Report<'_>) -> PyResult<'py> {
        py.detach(|| self.reporter.report(report));
        Ok(py.none())
    }
}

impl Class for Emitter {
    const NAME: &'static CStr = c"mod_wsgi.Emitter";

    fn methods() -> Vec<Method<Self>> {
        vec![
            Method::of::<RequestLine>(),
            Method::of::<ProcessLine>(),
            Method::of::<Signal>(),
            Method::of::<GilSwitchedOn>(),
            Method::of::<Current>(),
            Method::of::<WouldLog>(),
            Method::of::<Log>(),
        ]
    }
}

struct RequestLine;

impl MethodBody<Emitter> for RequestLine {
    const NAME: &'static CStr = c"request_line";
    const DOC: &'static CStr = c"request_line(line): a line written for the thread's request.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        line(this, py, args, true)
    }
}

struct ProcessLine;

impl MethodBody<Emitter> for ProcessLine {
    const NAME: &'static CStr = c"process_line";
    const DOC: &'static CStr = c"process_line(line): a line written outside of requests.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        line(this, py, args, false)
    }
}

fn line<'py>(
    this: &Emitter,
    py: Python<'py>,
    args: Args<'_, 'py>,
    in_request: bool,
) -> PyResult<'py> {
    let line = match args.positional() {
        [line] => line.as_bytes(),
        _ => None,
    };
    let line = line.ok_or_else(|| wrong(py, "expected one line"))?;
    this.report(py, &Report::Line { in_request, line })
}

struct Signal;

impl MethodBody<Emitter> for Signal {
    const NAME: &'static CStr = c"signal";
    const DOC: &'static CStr = c"signal(number, stack): a signal handler was not installed.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [signal, stack] = args.positional() else {
            return Err(wrong(py, "expected a signal and a stack"));
        };
        let (signal, stack) = (signal.to_i64()?, stack_lines(py, stack));
        let stack = &stack;
        this.report(py, &Report::SignalIgnored { signal, stack })
    }
}

struct GilSwitchedOn;

impl MethodBody<Emitter> for GilSwitchedOn {
    const NAME: &'static CStr = c"gil_switched_on";
    const DOC: &'static CStr =
        c"gil_switched_on(module): importing an extension module switched the GIL on.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [module] = args.positional() else {
            return Err(wrong(py, "expected a module"));
        };
        let module = &module.to_text(py)?;
        this.report(py, &Report::GilSwitchedOn { module })
    }
}

struct Current;

impl MethodBody<Emitter> for Current {
    const NAME: &'static CStr = c"current_log";
    const DOC: &'static CStr =
        c"current_log(): the log of the request that the calling thread serves, or None.";

    fn call<'py>(_: &Emitter, _: &Object<'py>, py: Python<'py>, _: Args<'_, 'py>) -> PyResult<'py> {
        Ok(CurrentLog::find(py).unwrap_or_else(|| py.none()))
    }
}

struct WouldLog;

impl MethodBody<Emitter> for WouldLog {
    const NAME: &'static CStr = c"would_log";
    const DOC: &'static CStr =
        c"would_log(levelno): whether a record of this level of logging is written.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [number] = args.positional() else {
            return Err(wrong(py, "expected a level"));
        };
        let level = Level::of_logging(number.to_i64()?);
        Ok(py.bool(this.reporter.is_enabled(level, serves_request(py))))
    }
}

struct Log;

impl MethodBody<Emitter> for Log {
    const NAME: &'static CStr = c"log";
    const DOC: &'static CStr =
        c"log(levelno, line, file, lineno): one line of a record of logging; file is bytes or None.";

    fn call<'py>(
        this: &Emitter,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [number, line, file, lineno] = args.positional() else {
            return Err(wrong(py, "expected a level, a line and its place"));
        };
        let message = line.as_bytes().ok_or_else(|| wrong(py, "expected bytes"))?;
        let place = file
            .as_bytes()
            .map(|file| Ok(place(file, lineno.to_i64()?)))
            .transpose()?
            .flatten();
        let record = Record {
            level: Level::of_logging(number.to_i64()?),
            code: None,
            scope: if serves_request(py) {
                Scope::Request
            } else {
                Scope::Process
            },
            message: message.to_vec(),
            place,
        };
        this.report(py, &Report::Record(&record))
    }
}

/// None for what cannot be a line of a file.
fn place(file: &[u8], line: i64) -> Option<Place> {
    Some(Place {
        file: CString::new(file).ok()?,
        line: u32::try_from(line).ok()?,
    })
}

fn serves_request(py: Python<'_>) -> bool {
    CurrentLog::find(py).is_some()
}

fn wrong<'py>(py: Python<'py>, text: &str) -> Error<'py> {
    Error::new(py, ErrorKind::Type, text)
}
