//! An application loaded into one interpreter.

use std::sync::{Arc, OnceLock};

use rickhouse_python::{Error, Handle, Interpreter, Object, PyResult, Python, ThreadState};

use crate::error::{LoadFailure, Refusal};
use crate::hosted::{self, Hosted, Policy, Traits};
use crate::log::TracingReporter;
use crate::settings::{Interpreters, Settings, Source, Target};
use crate::watch::Limits;

/// See there; only a failure to load has use for it.
const ADVICE: &str = include_str!("advice.py");

/// An interpreter of the standalone server, with the one application that it serves.
pub struct Application {
    hosted: Hosted,
    callable: OnceLock<Handle>,
    settings: Settings,
}

impl Application {
    /// Prepares the interpreter of `state` (import path, switch interval, refusals), without loading anything.
    pub(crate) fn prepare(state: &mut ThreadState, settings: &Settings) -> Result<Self, String> {
        let interpreter = state.interpreter();
        state.attach(|py| {
            Self::prepare_attached(py, interpreter, settings).map_err(|error| error.describe(py))
        })
    }

    fn prepare_attached<'py>(
        py: Python<'py>,
        interpreter: &'static Interpreter,
        settings: &Settings,
    ) -> PyResult<'py, Self> {
        let hosted = Hosted::new(py, interpreter, traits(settings))?;
        let paths = settings
            .python_path
            .iter()
            .map(|path| py.str_fs(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())))
            .collect::<PyResult<'py, Vec<_>>>()?;
        let interval = match settings.switch_interval {
            Some(interval) => py.float(interval.as_secs_f64())?,
            None => py.none(),
        };
        hosted.bootstrap(py).call_method(
            py,
            c"prepare",
            &[
                &py.list(&paths)?,
                &interval,
                &py.bool(!interpreter.is_main()),
                &py.bool(matches!(settings.interpreters, Interpreters::Own(_))),
                &hosted.emitter(py),
            ],
        )?;
        Ok(Application {
            hosted,
            callable: OnceLock::new(),
            settings: settings.clone(),
        })
    }

    /// Imports the application. Runs on the thread that owns `state`, which should be the process's main thread.
    pub(crate) fn load(&self, state: &mut ThreadState) -> Result<(), Box<LoadFailure>> {
        state.attach(|py| {
            let callable = self
                .import_target(py)
                .map_err(|error| Box::new(self.load_failure(py, &error)))?;
            // Set once: `load` is called once, by the host.
            let _already_loaded = self.callable.set(Handle::new(py, &callable));
            Ok(())
        })
    }

    fn import_target<'py>(&self, py: Python<'py>) -> PyResult<'py> {
        let Target {
            source,
            attribute,
            call,
        } = &self.settings.target;
        let (kind, name) = match source {
            Source::Module(name) => (py.str("module")?, py.str(name)?),
            Source::File(path) => (
                py.str("file")?,
                py.str_fs(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?,
            ),
        };
        let attribute = py.str(attribute.as_deref().unwrap_or_default())?;
        self.hosted.bootstrap(py).call_method(
            py,
            c"load",
            &[&kind, &name, &attribute, &py.bool(*call)],
        )
    }

    fn load_failure<'py>(&self, py: Python<'py>, error: &Error<'py>) -> LoadFailure {
        let in_our_words = self
            .hosted
            .bootstrap(py)
            .attr(c"LoadError")
            .is_ok_and(|class| error.is_instance(py, &class));
        let traceback = if in_our_words {
            error.value().str(py).unwrap_or_default()
        } else {
            self.hosted.format_exception(py, error)
        };
        LoadFailure {
            traceback,
            refusal: self.refusal(py, error),
        }
    }

    fn refusal<'py>(&self, py: Python<'py>, error: &Error<'py>) -> Option<Refusal> {
        if self.hosted.interpreter().is_main() {
            return None;
        }
        let own = py.bool(matches!(self.settings.interpreters, Interpreters::Own(_)));
        let explained = hosted::module(py, c"_rickhouse_advice", c"<rickhouse>/advice.py", ADVICE)
            .and_then(|advice| {
                advice.call_method(py, c"explain_load_failure", &[error.value(), &own])
            })
            .inspect_err(|mistake| {
                let mistake = mistake.describe(py);
                py.detach(|| tracing::warn!(mistake, "the failed import could not be explained"));
            })
            .ok()?;
        let text = |index| explained.sequence_item(py, index)?.to_text(py).ok();
        Some(Refusal {
            module: text(0)?,
            import_line: text(1)?,
            advice: text(2)?,
        })
    }

    /// The interpreter the application is loaded into.
    pub fn interpreter(&self) -> &'static Interpreter {
        self.hosted.interpreter()
    }

    pub(crate) fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    pub(crate) fn callable<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.callable
            .get()
            .expect("requests are served after the application was loaded")
            .bind(py)
    }
}

fn traits(settings: &Settings) -> Traits {
    Traits {
        name: String::new(),
        reporter: Arc::new(TracingReporter),
        limits: Limits {
            request_timeout: settings.request_timeout,
            configured_timeout: settings.request_timeout,
            interrupt_timeout: settings.interrupt_timeout,
            interrupts: crate::watch::Interrupts::Repeated,
        },
        policy: Policy::Standalone,
        multithread: settings.multithread(),
        multiprocess: settings.multiprocess,
        run_once: settings.run_once,
    }
}

/// Imports the standard library's extension modules into the main interpreter (engine.md §3.4).
pub(crate) fn import_extension_modules(main: &mut ThreadState) -> Result<(), String> {
    main.attach(|py| {
        hosted::bootstrap(py)
            .and_then(|module| module.call_method(py, c"import_extension_modules", &[]))
            .map(drop)
            .map_err(|error| error.describe(py))
    })
}
