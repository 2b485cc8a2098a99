//! Setting up an interpreter (DD §9.3); the Python part is `setup.py`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rickhouse_python::{
    ClassHandle, Dict, Error, Interpreter, Object, PyResult, Python, ThreadState,
};

use crate::adapter::Subject;
use crate::environ::extra;
use crate::exchange::Value;
use crate::hosted::{self, Hosted, Traits};
use crate::log;
use crate::report::{Phase, Report};
use crate::scripts::process::Scripts;
use crate::scripts::record::{Level, Record};
use crate::scripts::settings::{InterpreterSettings, ProcessKind, ProcessSettings};
use crate::scripts::voice::Voice;
use crate::scripts::{VERSION, words};

const SETUP: &str = include_str!("setup.py");

/// Makes the interpreter of `py` ready for scripts. A failure is reported; the text is the exception.
pub(crate) fn set_up<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    interpreter: &'static Interpreter,
    traits: Traits,
    settings: &InterpreterSettings,
) -> Result<Hosted, String> {
    let name = traits.name.clone();
    let fail = |reason: String| {
        let (interpreter, process) = (
            words::interpreter(&name),
            words::words(&scripts.settings.process),
        );
        let text = format!("Unable to setup {interpreter} in {process}.");
        let record = Record::process(Level::Critical, 35, text);
        py.detach(|| scripts.say(record));
        reason
    };
    // Without the engine's own objects a traceback cannot be shown.
    let hosted = Hosted::new(py, interpreter, traits).map_err(|error| fail(error.describe(py)))?;
    match set_up_in_order(py, scripts, &hosted, settings) {
        Ok(()) => Ok(hosted),
        Err(error) => {
            let reason = fail(error.describe(py));
            report(py, &hosted, &error);
            Err(reason)
        }
    }
}

/// Reports an exception that setting up an interpreter let go.
pub(crate) fn report<'py>(py: Python<'py>, hosted: &Hosted, error: &Error<'py>) {
    let subject = Subject {
        request: "",
        script: "",
    };
    log::exception(py, hosted, &subject, Phase::InterpreterSetup, error);
}

/// Sets the process's switch interval.
pub(crate) fn apply_process_interval(scripts: &Scripts, main: &mut ThreadState, seconds: f64) {
    let process = words::words(&scripts.settings.process);
    if !scripts.runtime.info().gil_enabled {
        let code = match scripts.settings.process {
            ProcessKind::Embedded => 203,
            ProcessKind::Daemon(_) => 204,
        };
        let text = format!(
            "Skipping WSGISwitchInterval {seconds:.6}s in {process}; free-threading is active."
        );
        scripts.say(Record::process(Level::Warning, code, text));
        return;
    }
    let outcome = main.attach(|py| set_interval(py, seconds).map_err(|error| error.describe(py)));
    match outcome {
        Ok(()) => scripts.info(format!(
            "mod_wsgi: Python GIL switch interval set to {seconds:.6}s in {process}."
        )),
        Err(reason) => scripts.info(format!(
            "mod_wsgi: Python GIL switch interval {seconds:.6}s was refused in {process}: {reason}."
        )),
    }
}

/// See [`super::ScriptThread::exit_on_sigterm`].
pub(crate) fn exit_on_sigterm(py: Python<'_>, hosted: &Hosted) {
    let outcome = module(py).and_then(|setup| setup.call_method(py, c"exit_on_sigterm", &[]));
    if let Err(error) = outcome {
        let text = "Call to 'signal.signal()' to register exit-function callback failed.";
        let record = Record::process(Level::Error, 90, text);
        hosted.report(py, &Report::Record(&record));
        report(py, hosted, &error);
    }
}

fn set_up_in_order<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    hosted: &Hosted,
    settings: &InterpreterSettings,
) -> PyResult<'py, ()> {
    let interpreter = hosted.interpreter();
    let setup = module(py)?;
    if interpreter.is_main() {
        setup.call_method(py, c"import_main_modules", &[])?;
    }
    set_own_interval(py, scripts, hosted, settings)?;
    hosted.bootstrap(py).call_method(
        py,
        c"refuse_what_crashes",
        &[
            &py.bool(!interpreter.is_main()),
            &py.bool(interpreter.gil() == rickhouse_python::GilKind::Own),
            &hosted.emitter(py),
        ],
    )?;
    let voice = Voice::new(scripts, &hosted.traits().name);
    let voice = ClassHandle::<Voice>::new(py)?.instance(py, voice)?;
    let given = given(py, &scripts.settings, &hosted.traits().name, settings)?;
    setup.call_method(
        py,
        c"set_up",
        &[given.as_object(), &voice, &hosted.emitter(py)],
    )?;
    Ok(())
}

/// The set-up module of an interpreter, made when it is first needed.
fn module(py: Python<'_>) -> PyResult<'_> {
    if let Some(made) = py.loaded_module(&py.str(NAME)?)? {
        return Ok(made);
    }
    hosted::module(py, c"_rickhouse_setup", c"<rickhouse>/setup.py", SETUP)
}

const NAME: &str = "_rickhouse_setup";

/// What `set_up` is told.
fn given<'py>(
    py: Python<'py>,
    process: &ProcessSettings,
    name: &str,
    settings: &InterpreterSettings,
) -> PyResult<'py, Dict<'py>> {
    let given = Dict::new(py)?;
    let set = |key: &str, value: &Object<'py>| given.set_str(py, key, value);
    set("restrict_signal", &py.bool(settings.restrict_signal))?;
    set("restrict_stdin", &py.bool(settings.restrict_stdin))?;
    set("restrict_stdout", &py.bool(settings.restrict_stdout))?;
    set("replace_streams", &py.bool(process.replace_streams))?;
    let embedded = process.process == ProcessKind::Embedded;
    set("import_apache", &py.bool(embedded))?;
    let user = match &process.user {
        Some(user) => py.tuple(&[&py.str_fs(user.name.as_bytes())?, &path(py, &user.home)?])?,
        None => py.none(),
    };
    set("user", &user)?;
    set("home", &optional_path(py, process.home.as_deref())?)?;
    let eggs = optional_path(py, process.python_eggs.as_deref())?;
    set("python_eggs", &eggs)?;
    let layers = std::iter::once(&process.base_path).chain(&settings.python_path);
    let layers = layers
        .map(|layer| {
            let folders = layer.iter().map(|folder| path(py, folder));
            py.list(&folders.collect::<PyResult<'py, Vec<_>>>()?)
        })
        .collect::<PyResult<'py, Vec<_>>>()?;
    set("path_layers", &py.list(&layers)?)?;
    set("module", module_attributes(py, process, name)?.as_object())?;
    set("apache", apache_attributes(py, process)?.as_object())?;
    Ok(given)
}

/// What the module `mod_wsgi` says.
fn module_attributes<'py>(
    py: Python<'py>,
    process: &ProcessSettings,
    name: &str,
) -> PyResult<'py, Dict<'py>> {
    let (major, minor, micro) = VERSION;
    let entries = [
        ("version", Value::Version(major, minor, micro)),
        (
            "process_group",
            Value::Text(process.process.group().as_bytes()),
        ),
        ("application_group", Value::Text(name.as_bytes())),
        ("maximum_processes", Value::Int(process.maximum_processes)),
        (
            "threads_per_process",
            Value::Int(process.threads_per_process),
        ),
    ];
    dict(py, &entries)
}

/// What the module `apache` says.
fn apache_attributes<'py>(py: Python<'py>, process: &ProcessSettings) -> PyResult<'py, Dict<'py>> {
    let apache = &process.apache;
    let (major, minor, patch) = apache.version;
    let entries = [
        ("version", Value::Version(major, minor, patch)),
        ("description", Value::Text(apache.description.as_bytes())),
        ("mpm_name", Value::Text(apache.mpm_name.as_bytes())),
        ("build_date", Value::Text(apache.build_date.as_bytes())),
        ("maximum_processes", Value::Int(apache.maximum_processes)),
        (
            "threads_per_process",
            Value::Int(apache.threads_per_process),
        ),
    ];
    dict(py, &entries)
}

fn dict<'py>(py: Python<'py>, entries: &[(&str, Value<'_>)]) -> PyResult<'py, Dict<'py>> {
    let dict = Dict::new(py)?;
    for (key, value) in entries {
        dict.set_str(py, key, &extra(py, *value)?)?;
    }
    Ok(dict)
}

fn path<'py>(py: Python<'py>, path: &Path) -> PyResult<'py> {
    py.str_fs(path.as_os_str().as_bytes())
}

fn optional_path<'py>(py: Python<'py>, given: Option<&Path>) -> PyResult<'py> {
    given.map_or_else(|| Ok(py.none()), |given| path(py, given))
}

/// Applies the interpreter's resolved switch interval. Whoever resolved it knows what may change what others share.
fn set_own_interval<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    hosted: &Hosted,
    settings: &InterpreterSettings,
) -> PyResult<'py, ()> {
    let Some(seconds) = settings.switch_interval else {
        return Ok(());
    };
    let interpreter = words::interpreter(&hosted.traits().name);
    if scripts.runtime.info().gil_enabled {
        set_interval(py, seconds)?;
        let text = format!("Set switch interval {seconds:.6}s for {interpreter}.");
        py.detach(|| scripts.info(text));
        return Ok(());
    }
    let text = format!(
        "Skipping per-interpreter switch interval {seconds:.6}s for {interpreter}; free-threading is active."
    );
    let record = Record::process(Level::Warning, 205, text);
    hosted.report(py, &Report::Record(&record));
    Ok(())
}

fn set_interval(py: Python<'_>, seconds: f64) -> PyResult<'_, ()> {
    let seconds = py.float(seconds)?;
    py.import(c"sys")?
        .call_method(py, c"setswitchinterval", &[&seconds])?;
    Ok(())
}
