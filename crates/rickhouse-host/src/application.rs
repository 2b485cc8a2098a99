//! An application loaded into one interpreter.

use std::ffi::CString;
use std::sync::OnceLock;

use rickhouse_python::{
    ClassHandle, Error, Handle, Interpreter, Object, PyResult, Python, ThreadIdent, ThreadState,
};

use crate::adapter::RequestClasses;
use crate::environ::{Constants, EnvironBuilder};
use crate::error::{LoadFailure, Refusal};
use crate::log::Emitter;
use crate::settings::{Interpreters, Settings, Source, Target};
use crate::{adapter, watch};

/// The bootstrap module's source; see there.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// What an interpreter needs to serve requests. All of it belongs to that interpreter.
pub struct Application {
    interpreter: &'static Interpreter,
    bootstrap: Handle,
    file_wrapper: Handle,
    request_timeout: Handle,
    close_name: Handle,
    write_name: Handle,
    pending_name: Handle,
    emit_error: Handle,
    classes: RequestClasses,
    callable: OnceLock<Handle>,
    settings: Settings,
    pub(crate) watch: watch::InterpreterWatch,
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
        let bootstrap = bootstrap(py)?;
        let classes = RequestClasses::new(py)?;
        let emitter = ClassHandle::<Emitter>::new(py)?.instance(py, Emitter)?;
        let paths = settings
            .python_path
            .iter()
            .map(|path| py.str_fs(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())))
            .collect::<PyResult<'py, Vec<_>>>()?;
        let interval = match settings.switch_interval {
            Some(interval) => py.float(interval.as_secs_f64())?,
            None => py.none(),
        };
        bootstrap.call_method(
            py,
            c"prepare",
            &[
                &py.list(&paths)?,
                &interval,
                &py.bool(!interpreter.is_main()),
                &py.bool(matches!(settings.interpreters, Interpreters::Own(_))),
                &emitter.attr(c"warning")?,
                &emitter.attr(c"gil_switched_on")?,
            ],
        )?;
        for (name, class) in classes.objects(py) {
            bootstrap.set_attr(name, &class)?;
        }
        Ok(Application {
            interpreter,
            file_wrapper: Handle::new(py, &bootstrap.attr(c"FileWrapper")?),
            request_timeout: Handle::new(py, &bootstrap.attr(c"RequestTimeout")?),
            close_name: Handle::new(py, &py.str_interned("close")?),
            write_name: Handle::new(py, &py.str_interned("write")?),
            pending_name: Handle::new(py, &py.str_interned("_pending")?),
            emit_error: Handle::new(py, &emitter.attr(c"error")?),
            bootstrap: Handle::new(py, &bootstrap),
            classes,
            callable: OnceLock::new(),
            settings: settings.clone(),
            watch: watch::InterpreterWatch::new(interpreter, settings),
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
        self.bootstrap(py)
            .call_method(py, c"load", &[&kind, &name, &attribute, &py.bool(*call)])
    }

    fn load_failure<'py>(&self, py: Python<'py>, error: &Error<'py>) -> LoadFailure {
        let in_our_words = self
            .bootstrap(py)
            .attr(c"LoadError")
            .is_ok_and(|class| error.is_instance(py, &class));
        let traceback = if in_our_words {
            error.value().str(py).unwrap_or_default()
        } else {
            self.format_exception(py, error)
        };
        LoadFailure {
            traceback,
            refusal: self.refusal(py, error),
        }
    }

    fn refusal<'py>(&self, py: Python<'py>, error: &Error<'py>) -> Option<Refusal> {
        if self.interpreter.is_main() {
            return None;
        }
        let own = py.bool(matches!(self.settings.interpreters, Interpreters::Own(_)));
        let explained = self
            .bootstrap(py)
            .call_method(py, c"explain_load_failure", &[error.value(), &own])
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
        self.interpreter
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn callable<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.callable
            .get()
            .expect("requests are served after the application was loaded")
            .bind(py)
    }

    pub(crate) fn classes(&self) -> &RequestClasses {
        &self.classes
    }

    pub(crate) fn file_wrapper<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.file_wrapper.bind(py)
    }

    pub(crate) fn request_timeout<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.request_timeout.bind(py)
    }

    pub(crate) fn close_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.close_name.bind(py)
    }

    pub(crate) fn write_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.write_name.bind(py)
    }

    /// The attribute of a log that holds what has no newline yet.
    pub(crate) fn pending_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.pending_name.bind(py)
    }

    fn bootstrap<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.bootstrap.bind(py)
    }

    /// An environ builder for the calling thread.
    pub(crate) fn environ_builder<'py>(&self, py: Python<'py>) -> PyResult<'py, EnvironBuilder> {
        EnvironBuilder::new(
            py,
            &Constants {
                file_wrapper: self.file_wrapper(py),
                multithread: self.settings.multithread(),
                multiprocess: self.settings.multiprocess,
                run_once: self.settings.run_once,
            },
        )
    }

    /// A stream for `wsgi.errors`: the text stream, and the log object under it.
    pub(crate) fn errors_stream<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<'py, (Object<'py>, Object<'py>)> {
        let name = py.str("<wsgi.errors>")?;
        let pair =
            self.bootstrap(py)
                .call_method(py, c"text_log", &[&name, &self.emit_error.bind(py)])?;
        match (pair.sequence_item(py, 0), pair.sequence_item(py, 1)) {
            (Some(stream), Some(log)) => Ok((stream, log)),
            _ => Err(Error::new(
                py,
                rickhouse_python::ErrorKind::Type,
                "text_log returns a pair",
            )),
        }
    }

    /// The part of a regular file behind a file wrapper; `None` when it has to be iterated.
    pub(crate) fn file_region<'py>(
        &self,
        py: Python<'py>,
        wrapper: &Object<'py>,
    ) -> PyResult<'py, Option<adapter::FileRegion>> {
        let region = self
            .bootstrap(py)
            .call_method(py, c"file_region", &[wrapper])?;
        let (Some(descriptor), Some(offset), Some(size)) = (
            region.sequence_item(py, 0),
            region.sequence_item(py, 1),
            region.sequence_item(py, 2),
        ) else {
            return Ok(None);
        };
        let file = descriptor.duplicate_descriptor()?;
        let number = |object: &Object<'py>| Ok(u64::try_from(object.to_i64()?).unwrap_or(0));
        Ok(Some(adapter::FileRegion {
            file,
            offset: number(&offset)?,
            length: number(&size)?,
        }))
    }

    /// An exception with its traceback, as `traceback.format_exception` shows it.
    pub(crate) fn format_exception<'py>(&self, py: Python<'py>, error: &Error<'py>) -> String {
        let text = self
            .bootstrap(py)
            .call_method(py, c"lines_of", &[error.value()])
            .and_then(|text| text.to_text(py));
        text.unwrap_or_else(|_| error.describe(py))
    }

    /// The Python stack of a thread of this interpreter, innermost call last; empty when it runs no Python.
    pub(crate) fn stack_of(&self, py: Python<'_>, thread: ThreadIdent) -> String {
        let stack = py
            .int(i64::try_from(thread.as_u64()).unwrap_or(i64::MAX))
            .and_then(|ident| self.bootstrap(py).call_method(py, c"stack_of", &[&ident]))
            .and_then(|text| text.to_text(py));
        stack.unwrap_or_default()
    }

    /// The source files this interpreter has imported, for `--reload`.
    pub(crate) fn loaded_files(&self, py: Python<'_>) -> Vec<String> {
        let Ok(files) = self.bootstrap(py).call_method(py, c"loaded_files", &[]) else {
            return Vec::new();
        };
        (0..files.sequence_len())
            .filter_map(|index| files.sequence_item(py, index)?.to_text(py).ok())
            .collect()
    }

    /// Joins the threads of the interpreter, runs its `atexit` handlers, flushes its streams; returns what failed.
    pub(crate) fn run_exit_handlers(&self, py: Python<'_>) -> String {
        let failures = self
            .bootstrap(py)
            .call_method(py, c"run_exit_handlers", &[])
            .and_then(|text| text.to_text(py));
        failures.unwrap_or_else(|error| error.describe(py))
    }
}

/// Makes the bootstrap module in the interpreter of `py`.
fn bootstrap(py: Python<'_>) -> PyResult<'_> {
    let source = CString::new(BOOTSTRAP).expect("the bootstrap source contains no NUL");
    py.module_from_source(c"_rickhouse", c"<rickhouse>/bootstrap.py", &source)
}

/// Imports the standard library's extension modules into the main interpreter (engine.md §3.4).
pub(crate) fn import_extension_modules(main: &mut ThreadState) -> Result<(), String> {
    main.attach(|py| {
        bootstrap(py)
            .and_then(|module| module.call_method(py, c"import_extension_modules", &[]))
            .map(drop)
            .map_err(|error| error.describe(py))
    })
}
