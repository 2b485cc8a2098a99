//! The object through which `setup.py` reports.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Method, MethodBody, Object, PyResult, Python,
};

use crate::report::{ExceptionReport, Phase, Report, Reporter};
use crate::scripts::process::Scripts;
use crate::scripts::record::{Level, Record};
use crate::scripts::settings::ProcessKind;
use crate::scripts::words;

/// Knows where it speaks.
pub(crate) struct Voice {
    reporter: Arc<dyn Reporter>,
    process: ProcessKind,
    interpreter: String,
}

impl Voice {
    pub(crate) fn new(scripts: &Scripts, interpreter: &str) -> Self {
        Voice {
            reporter: Arc::clone(&scripts.reporter),
            process: scripts.settings.process.clone(),
            interpreter: interpreter.to_owned(),
        }
    }

    fn report<'py>(&self, py: Python<'py>, report: &Report<'_>) -> PyResult<'py> {
        py.detach(|| self.reporter.report(report));
        Ok(py.none())
    }

    /// The record for a thing that `setup.py` says; `None` for what was said before.
    fn record(&self, what: &str, text: &str) -> Option<Record> {
        let process = words::words(&self.process);
        let info = |text: String| Record::process(Level::Info, None, text);
        let error = |code, text: String| Record::process(Level::Error, code, text);
        Some(match what {
            "package" => {
                static SAID: AtomicBool = AtomicBool::new(false);
                if SAID.swap(true, Ordering::Relaxed) {
                    return None;
                }
                info("Imported existing 'mod_wsgi' Python extension module.".to_owned())
            }
            "apache" => info("Imported 'apache' extension module.".to_owned()),
            "adding" => info(format!(
                "Adding '{text}' to Python module search path for {process}."
            )),
            "folder" => error(
                91,
                format!("Call to 'site.addsitedir()' failed for '{text}', stopping."),
            ),
            "addsitedir" => error(94, "Unable to locate 'site.addsitedir()'.".to_owned()),
            "site" => error(95, "Unable to import 'site' module.".to_owned()),
            "path" => error(96, "Unable to look up 'sys.path' attribute.".to_owned()),
            "signal" => error(
                183,
                "Unable to install 'signal.signal' intercept.".to_owned(),
            ),
            "stream" => match text {
                "stderr" => error(
                    185,
                    "Unable to replace 'sys.stderr' with log object.".to_owned(),
                ),
                "stdout" => error(186, "Unable to replace 'sys.stdout'.".to_owned()),
                _ => error(
                    187,
                    "Unable to replace 'sys.stdin' with restricted object.".to_owned(),
                ),
            },
            _ => info(text.to_owned()),
        })
    }
}

impl Class for Voice {
    const NAME: &'static CStr = c"mod_wsgi.Voice";

    fn methods() -> Vec<Method<Self>> {
        vec![Method::of::<Say>(), Method::of::<Exception>()]
    }
}

struct Say;

impl MethodBody<Voice> for Say {
    const NAME: &'static CStr = c"say";
    const DOC: &'static CStr =
        c"say(what, text): something happened while the interpreter is set up.";

    fn call<'py>(
        this: &Voice,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [what, text] = args.positional() else {
            return Err(wrong(py));
        };
        match this.record(&what.to_text(py)?, &text.to_text(py)?) {
            Some(record) => this.report(py, &Report::Record(&record)),
            None => Ok(py.none()),
        }
    }
}

struct Exception;

impl MethodBody<Voice> for Exception {
    const NAME: &'static CStr = c"exception";
    const DOC: &'static CStr =
        c"exception(error, lines): an exception that was raised and ignored.";

    fn call<'py>(
        this: &Voice,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [value, lines] = args.positional() else {
            return Err(wrong(py));
        };
        let error = Error::from_value(py, value.clone());
        let report = ExceptionReport {
            phase: Phase::InterpreterSetup,
            class_name: &value.type_name(),
            system_exit: error.is(py, ErrorKind::SystemExit),
            traceback: &lines.to_text(py)?,
            request: "",
            script: "",
            interpreter: &this.interpreter,
        };
        this.report(py, &Report::Exception(report))
    }
}

fn wrong(py: Python<'_>) -> Error<'_> {
    Error::new(py, ErrorKind::Type, "called with the wrong arguments")
}
