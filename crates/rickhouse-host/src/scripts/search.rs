//! Finding the module and the callable of a script, loading the script when that is needed (DD §5.12).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rickhouse_python::{Error, ErrorKind, Object, PyResult, Python};

use crate::adapter::Subject;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::log;
use crate::report::{Phase, Report};
use crate::scripts::call::{Call, Reload};
use crate::scripts::loader::{Names, modified};
use crate::scripts::process::Scripts;
use crate::scripts::record::Record;
use crate::scripts::words;
use crate::seat::{Found, Left};

/// When a script is loaded, which decides what is said about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// For a request.
    Request,
    /// Before requests come.
    Startup,
}

/// No module; it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotLoaded {
    Failed,
    /// The request timeout interrupted it.
    TimedOut,
}

/// A script file, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) script: &'a Path,
    /// When it was modified; `None` when it cannot be told.
    pub(crate) modified: Option<i64>,
    pub(crate) when: When,
}

/// The callable that serves a request.
pub(crate) fn find<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    hosted: &Hosted,
    names: &mut Names,
    file: File<'_>,
    call: &Call<'_>,
    exchange: &mut dyn Exchange,
) -> Found<'py> {
    let mut search = Search {
        py,
        scripts,
        hosted,
        file,
        wanting: None,
    };
    match search.application(names, call, exchange) {
        Ok(Ok(callable)) => Found::Callable(callable),
        Ok(Err(NotFound::Nothing)) => Found::Nothing,
        Ok(Err(NotFound::TimedOut)) => Found::TimedOut,
        Ok(Err(NotFound::Left(reason))) => Found::Left(reason),
        Err(error) if error.is_instance(py, &hosted.request_timeout(py)) => {
            log::interrupted(py, hosted, "", false);
            Found::TimedOut
        }
        Err(error) => {
            search.report(&error);
            Found::Nothing
        }
    }
}

/// The module of a script that is no application: reloaded in place when its file has changed.
pub(crate) fn module<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    hosted: &Hosted,
    names: &mut Names,
    file: File<'_>,
) -> Result<Object<'py>, NotLoaded> {
    let mut search = Search {
        py,
        scripts,
        hosted,
        file,
        wanting: None,
    };
    match search.hook_module(names) {
        Ok(outcome) => outcome,
        Err(error) => {
            search.report(&error);
            Err(NotLoaded::Failed)
        }
    }
}

/// A script that is looked for in an interpreter.
struct Search<'a, 'py> {
    py: Python<'py>,
    scripts: &'a Scripts,
    hosted: &'a Hosted,
    file: File<'a>,
    /// The module that wants to be loaded again: its `reload_required` may say so only once.
    wanting: Option<Object<'py>>,
}

/// Why no callable is called.
enum NotFound {
    Nothing,
    TimedOut,
    Left(Left),
}

impl From<NotLoaded> for NotFound {
    fn from(reason: NotLoaded) -> Self {
        match reason {
            NotLoaded::Failed => NotFound::Nothing,
            NotLoaded::TimedOut => NotFound::TimedOut,
        }
    }
}

/// What is known of a script's module.
enum State<'py> {
    Absent,
    /// It is loaded, and may be used as it is.
    Current(Object<'py>),
    /// It is loaded, and has to be loaded again.
    Outdated,
}

impl<'py> Search<'_, 'py> {
    fn application(
        &mut self,
        names: &mut Names,
        call: &Call<'_>,
        exchange: &mut dyn Exchange,
    ) -> PyResult<'py, Result<Object<'py>, NotFound>> {
        let py = self.py;
        let (name, path) = names.script(py, self.scripts, self.file.script)?;
        let attribute = names.attribute(py, call.callable)?;
        let module = match self.current(&name, Some(call))? {
            Some(module) => match admit(exchange) {
                Ok(()) => Ok(module),
                Err(reason) => return Ok(Err(reason)),
            },
            None => self.load_application(&name, &path, call, exchange)?,
        };
        let module = match module {
            Ok(module) => module,
            Err(reason) => return Ok(Err(reason)),
        };
        exchange.loaded();
        let Some(callable) = module.optional_attr(&attribute)? else {
            let record = words::no_callable(self.file.script, call.callable);
            self.hosted.report(py, &Report::Record(&record));
            return Ok(Err(NotFound::Nothing));
        };
        Ok(Ok(callable))
    }

    /// The module, when that can be told without the lock: it is complete and has not changed.
    fn current(
        &mut self,
        name: &Object<'py>,
        call: Option<&Call<'_>>,
    ) -> PyResult<'py, Option<Object<'py>>> {
        let Some(module) = self.py.loaded_module(name)? else {
            return Ok(None);
        };
        let mtime = self.mtime_of(&module)?;
        if mtime.is_none() {
            // It may still be loading: the time is set afterwards.
            return Ok(None);
        }
        if self.has_changed(mtime, call) {
            return Ok(None);
        }
        if self.wants_reload(&module, call)? {
            self.wanting = Some(module);
            return Ok(None);
        }
        Ok(Some(module))
    }

    /// Decides again, now that nobody else loads scripts, and loads.
    fn load_application(
        &mut self,
        name: &Object<'py>,
        path: &Object<'py>,
        call: &Call<'_>,
        exchange: &mut dyn Exchange,
    ) -> PyResult<'py, Result<Object<'py>, NotFound>> {
        let py = self.py;
        let _turn = self.scripts.load_lock.acquire(py);
        // What the front end saw may be older than what another thread has loaded meanwhile.
        self.file.modified = py.detach(|| modified(call.script));
        let state = self.state(name, Some(call))?;
        if matches!(state, State::Outdated) && call.reload == Reload::Reject {
            let record = words::forced_restart(call.script, &self.scripts.settings.process);
            self.hosted.report(py, &Report::Record(&record));
            return Ok(Err(NotFound::Left(Left::Rejected)));
        }
        if let Err(reason) = admit(exchange) {
            return Ok(Err(reason));
        }
        match state {
            State::Current(module) => Ok(Ok(module)),
            State::Absent => Ok(self.load(name, path, false)?.map_err(NotFound::from)),
            State::Outdated => Ok(self.load(name, path, true)?.map_err(NotFound::from)),
        }
    }

    fn hook_module(&mut self, names: &mut Names) -> PyResult<'py, Result<Object<'py>, NotLoaded>> {
        let (name, path) = names.script(self.py, self.scripts, self.file.script)?;
        if let Some(module) = self.current(&name, None)? {
            return Ok(Ok(module));
        }
        let _turn = self.scripts.load_lock.acquire(self.py);
        self.file.modified = self.py.detach(|| modified(self.file.script));
        match self.state(&name, None)? {
            State::Current(module) => Ok(Ok(module)),
            State::Absent => self.load(&name, &path, false),
            State::Outdated => self.load(&name, &path, true),
        }
    }

    /// Looks at the module; under the lock.
    fn state(&self, name: &Object<'py>, call: Option<&Call<'_>>) -> PyResult<'py, State<'py>> {
        let Some(module) = self.py.loaded_module(name)? else {
            return Ok(State::Absent);
        };
        let known = self.wanting.as_ref().is_some_and(|it| it.is(&module));
        let changed = self.has_changed(self.mtime_of(&module)?, call);
        if known || changed || self.wants_reload(&module, call)? {
            return Ok(State::Outdated);
        }
        Ok(State::Current(module))
    }

    /// Whether a module was made from another version of the file than the one that was last looked at; a request that has
    /// waited in httpd brings an old one.
    fn has_changed(&self, mtime: Option<i64>, call: Option<&Call<'_>>) -> bool {
        let reloads = call.is_none_or(|call| call.reload != Reload::Off);
        reloads && (mtime.is_none() || mtime != self.file.modified)
    }

    /// Whether the module wants to be loaded again. Only the scripts of a `call` are asked.
    fn wants_reload(&self, module: &Object<'py>, call: Option<&Call<'_>>) -> PyResult<'py, bool> {
        match call {
            Some(call) if call.reload != Reload::Off => self.reload_required(module, call.resource),
            _ => Ok(false),
        }
    }

    /// The module's `__mtime__`; `None` when there is none that is a number.
    fn mtime_of(&self, module: &Object<'py>) -> PyResult<'py, Option<i64>> {
        let value = module.optional_attr(&self.hosted.mtime_name(self.py))?;
        Ok(value.and_then(|value| value.to_i64().ok()))
    }

    /// Asks the module; an exception is reported and means no.
    fn reload_required(&self, module: &Object<'py>, resource: &Path) -> PyResult<'py, bool> {
        let py = self.py;
        let name = self.hosted.reload_required_name(py);
        let Some(required) = module.optional_attr(&name)? else {
            return Ok(false);
        };
        let resource = py.str_fs(resource.as_os_str().as_bytes())?;
        let answer = required
            .call(py, &[&resource])
            .and_then(|answer| answer.is_true());
        match answer {
            Err(error) if error.is_instance(py, &self.hosted.request_timeout(py)) => Err(error),
            Err(error) => {
                self.report(&error);
                Ok(false)
            }
            answer => answer,
        }
    }

    fn load(
        &self,
        name: &Object<'py>,
        path: &Object<'py>,
        again: bool,
    ) -> PyResult<'py, Result<Object<'py>, NotLoaded>> {
        let py = self.py;
        let process = &self.scripts.settings.process;
        let record = words::loading(self.file.script, &self.hosted.traits().name, process, again);
        self.hosted.report(py, &Report::Record(&record));
        if again {
            let modules = py.import(c"sys")?.attr(c"modules")?;
            modules.call_method(py, c"pop", &[name, &py.none()])?;
        }
        // Before it is read: a change that comes later must be seen as one.
        let mtime = py.detach(|| modified(self.file.script)).unwrap_or(0);
        let setup = self.hosted.bootstrap(py);
        let code = match setup.call_method(py, c"compile_script", &[path]) {
            Ok(code) => code,
            Err(error) => return Ok(Err(self.not_loaded(&error, Step::Compile))),
        };
        match py.exec_module(name, &code, path) {
            Ok(module) => {
                module.set_attr(c"__mtime__", &py.int(mtime)?)?;
                Ok(Ok(module))
            }
            Err(error) => Ok(Err(self.not_loaded(&error, Step::Execute))),
        }
    }

    fn not_loaded(&self, error: &Error<'py>, step: Step) -> NotLoaded {
        let py = self.py;
        if self.file.when == When::Request
            && error.is_instance(py, &self.hosted.request_timeout(py))
        {
            log::interrupted(py, self.hosted, "", false);
            return NotLoaded::TimedOut;
        }
        let exits = step == Step::Execute && error.is(py, ErrorKind::SystemExit);
        if exits && self.scripts.runs_service() {
            // The normal end of a service script.
            return NotLoaded::Failed;
        }
        let record = self.failure(step, exits);
        self.hosted.report(py, &Report::Record(&record));
        if !exits || self.file.when == When::Request {
            self.report(error);
        }
        NotLoaded::Failed
    }

    fn failure(&self, step: Step, exits: bool) -> Record {
        let process = &self.scripts.settings.process;
        let at_request = self.file.when == When::Request;
        match step {
            Step::Compile => {
                let interpreter = &self.hosted.traits().name;
                words::not_compiled(self.file.script, interpreter, process, at_request)
            }
            Step::Execute if exits => words::exited(self.file.script, at_request),
            Step::Execute => words::not_executed(self.file.script, at_request),
        }
    }

    fn report(&self, error: &Error<'py>) {
        let script = &self.file.script.to_string_lossy();
        let subject = Subject {
            request: "",
            script,
        };
        let phase = match self.file.when {
            When::Request => Phase::Request,
            When::Startup => Phase::Startup,
        };
        log::exception(self.py, self.hosted, &subject, phase, error);
    }
}

fn admit(exchange: &mut dyn Exchange) -> Result<(), NotFound> {
    let outcome = exchange.admit();
    outcome.map_err(|_| NotFound::Left(Left::NotAdmitted))
}

/// Where loading a script failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Reading or compiling it.
    Compile,
    Execute,
}
