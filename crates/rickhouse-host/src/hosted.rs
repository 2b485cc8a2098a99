//! An interpreter with what it needs to serve requests.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use rickhouse_python::{
    ClassHandle, Error, ErrorKind, Handle, Interpreter, Object, PyResult, Python, ThreadIdent,
};

use crate::adapter::{self, RequestClasses};
use crate::emitter::Emitter;
use crate::environ::{Constants, EnvironBuilder};
use crate::report::{Report, Reporter, StackLine};
use crate::watch::{InterpreterWatch, Limits};

/// The bootstrap module's source; see there.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// What an interpreter needs to serve requests. All of it belongs to that interpreter.
pub(crate) struct Hosted {
    interpreter: &'static Interpreter,
    bootstrap: Handle,
    emitter: Handle,
    file_wrapper: Handle,
    request_timeout: Handle,
    close_name: Handle,
    write_name: Handle,
    used_name: Handle,
    mtime_name: Handle,
    reload_required_name: Handle,
    emit_request_line: Handle,
    classes: RequestClasses,
    traits: Traits,
    pub(crate) watch: InterpreterWatch,
}

/// What is said of an interpreter when it is made, and never changes.
#[derive(Clone)]
pub(crate) struct Traits {
    /// The name in reports; empty for the main interpreter.
    pub(crate) name: String,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) limits: Limits,
    pub(crate) policy: Policy,
    pub(crate) multithread: bool,
    pub(crate) multiprocess: bool,
    pub(crate) run_once: bool,
}

/// Where the adapter differs between the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The standalone server: its front end checks the response head, and cuts a body at its Content-Length.
    Standalone,
    /// httpd's module: see directives-and-daemon §7 and §14.1.
    Httpd,
}

impl Hosted {
    /// Makes the engine's objects in the interpreter of `py`. Changes nothing that an application could see.
    pub(crate) fn new<'py>(
        py: Python<'py>,
        interpreter: &'static Interpreter,
        traits: Traits,
    ) -> PyResult<'py, Self> {
        let bootstrap = bootstrap(py)?;
        let classes = RequestClasses::new(py)?;
        let emitter = Emitter::new(Arc::clone(&traits.reporter));
        let emitter = ClassHandle::<Emitter>::new(py)?.instance(py, emitter)?;
        for (name, class) in classes.objects(py) {
            bootstrap.set_attr(name, &class)?;
        }
        let keep = |object: Object<'py>| Handle::new(py, &object);
        Ok(Hosted {
            interpreter,
            file_wrapper: keep(bootstrap.attr(c"FileWrapper")?),
            request_timeout: keep(bootstrap.attr(c"RequestTimeout")?),
            close_name: keep(py.str_interned("close")?),
            write_name: keep(py.str_interned("write")?),
            used_name: keep(py.str_interned("_used")?),
            mtime_name: keep(py.str_interned("__mtime__")?),
            reload_required_name: keep(py.str_interned("reload_required")?),
            emit_request_line: keep(emitter.attr(c"request_line")?),
            bootstrap: keep(bootstrap),
            emitter: keep(emitter),
            classes,
            watch: InterpreterWatch::new(interpreter, traits.limits),
            traits,
        })
    }

    pub(crate) fn interpreter(&self) -> &'static Interpreter {
        self.interpreter
    }

    pub(crate) fn traits(&self) -> &Traits {
        &self.traits
    }

    pub(crate) fn policy(&self) -> Policy {
        self.traits.policy
    }

    /// Hands a report over, detached: a log pipe can block.
    pub(crate) fn report(&self, py: Python<'_>, report: &Report<'_>) {
        let reporter = &self.traits.reporter;
        py.detach(|| reporter.report(report));
    }

    pub(crate) fn bootstrap<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.bootstrap.bind(py)
    }

    /// The object through which the bootstrap module reports.
    pub(crate) fn emitter<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.emitter.bind(py)
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

    /// The attribute of a log that says whether anything was done with it or the stream above it.
    pub(crate) fn used_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.used_name.bind(py)
    }

    /// The attribute of a script's module that says which version of the file it was made from.
    pub(crate) fn mtime_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.mtime_name.bind(py)
    }

    /// The attribute of a script's module that is asked whether it wants to be loaded again.
    pub(crate) fn reload_required_name<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.reload_required_name.bind(py)
    }

    /// An environ builder for the calling thread. `fixed` are entries of the product's own that never change.
    pub(crate) fn environ_builder<'py>(
        &self,
        py: Python<'py>,
        fixed: &[(&str, Object<'py>)],
    ) -> PyResult<'py, EnvironBuilder> {
        EnvironBuilder::new(
            py,
            &Constants {
                file_wrapper: self.file_wrapper(py),
                multithread: self.traits.multithread,
                multiprocess: self.traits.multiprocess,
                run_once: self.traits.run_once,
                fixed,
            },
        )
    }

    /// A stream whose lines belong to the calling thread's request: the text stream, and the log object under it.
    pub(crate) fn errors_stream<'py>(
        &self,
        py: Python<'py>,
        name: &str,
    ) -> PyResult<'py, (Object<'py>, Object<'py>)> {
        let name = py.str(name)?;
        let emit = self.emit_request_line.bind(py);
        let pair = self
            .bootstrap(py)
            .call_method(py, c"text_log", &[&name, &emit])?;
        match (pair.sequence_item(py, 0), pair.sequence_item(py, 1)) {
            (Some(stream), Some(log)) => Ok((stream, log)),
            _ => Err(Error::new(py, ErrorKind::Type, "text_log returns a pair")),
        }
    }

    /// Ends the request that a stream of [`Hosted::errors_stream`] belongs to; what it holds is written.
    pub(crate) fn end_log<'py>(&self, py: Python<'py>, stream: &Object<'py>, log: &Object<'py>) {
        // A record that cannot be written has no other place to go.
        let _unwritable = self
            .bootstrap(py)
            .call_method(py, c"end_log", &[stream, log]);
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

    /// The Python stack of a thread of this interpreter, innermost call first; empty when it runs no Python.
    pub(crate) fn stack_of(&self, py: Python<'_>, thread: ThreadIdent) -> Vec<StackLine> {
        let stack = py
            .int(i64::try_from(thread.as_u64()).unwrap_or(i64::MAX))
            .and_then(|ident| self.bootstrap(py).call_method(py, c"stack_of", &[&ident]));
        stack.map_or_else(|_| Vec::new(), |stack| stack_lines(py, &stack))
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

    /// Joins the threads of the interpreter, runs its `atexit` handlers, flushes its streams; reports what failed.
    pub(crate) fn run_exit_handlers(&self, py: Python<'_>) {
        let failures = self
            .bootstrap(py)
            .call_method(py, c"run_exit_handlers", &[])
            .and_then(|text| text.to_text(py));
        let detail = failures.unwrap_or_else(|error| error.describe(py));
        if !detail.is_empty() {
            let interpreter = &self.traits.name;
            self.report(
                py,
                &Report::ExitHandlersFailed {
                    interpreter,
                    detail: &detail,
                },
            );
        }
    }
}

/// A list of `(file, line, function, source)` of the bootstrap module.
pub(crate) fn stack_lines<'py>(py: Python<'py>, stack: &Object<'py>) -> Vec<StackLine> {
    let line = |entry: Object<'py>| {
        let text = |index| entry.sequence_item(py, index)?.to_text(py).ok();
        let line = entry.sequence_item(py, 1)?.to_i64().ok()?;
        Some(StackLine {
            file: text(0)?,
            line: u32::try_from(line).unwrap_or(0),
            function: text(2)?,
            source: text(3)?,
        })
    };
    (0..stack.sequence_len())
        .filter_map(|index| line(stack.sequence_item(py, index)?))
        .collect()
}

/// Makes the bootstrap module in the interpreter of `py`.
pub(crate) fn bootstrap(py: Python<'_>) -> PyResult<'_> {
    module(py, c"_rickhouse", c"<rickhouse>/bootstrap.py", BOOTSTRAP)
}

/// Makes a module of the engine's own source.
pub(crate) fn module<'py>(
    py: Python<'py>,
    name: &CStr,
    file: &CStr,
    source: &str,
) -> PyResult<'py> {
    let source = CString::new(source).expect("our own sources contain no NUL");
    py.module_from_source(name, file, &source)
}
