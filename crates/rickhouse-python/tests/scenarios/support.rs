//! CPython for a scenario, and Rust closures as Python callables.

use std::ffi::CStr;
use std::path::PathBuf;

use rickhouse_python::{
    Args, Class, ClassHandle, InitConfig, Interpreter, Method, MethodBody, Object, PyResult,
    Python, Runtime, ThreadState,
};

use crate::runner::not_applicable;

/// CPython, and the main thread's state.
pub(crate) fn start() -> (Runtime, ThreadState) {
    let program = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    Runtime::initialize(&InitConfig {
        program: Some(PathBuf::from(program)),
        utf8_mode: Some(true),
        free_threading: true,
        ..InitConfig::default()
    })
    .expect("CPython starts")
}

/// Sub-interpreters, by the thread states of the calling thread in them.
pub(crate) fn sub_interpreters(
    runtime: &Runtime,
    main: &mut ThreadState,
    own_gil: bool,
    count: usize,
) -> Vec<ThreadState> {
    if own_gil && runtime.info().version < (3, 12, 0) {
        not_applicable("a GIL per interpreter needs CPython 3.12");
    }
    (0..count)
        .map(|_| {
            main.attach(|py| runtime.new_interpreter(py, own_gil))
                .expect("an interpreter can be made")
        })
        .collect()
}

/// Runs `source` as a module of the attached interpreter.
pub(crate) fn module<'py>(py: Python<'py>, source: &CStr) -> Object<'py> {
    check(
        py,
        py.module_from_source(c"scenario", c"scenario.py", source),
    )
}

/// The value, or a panic that shows the exception.
pub(crate) fn check<'py, T>(py: Python<'py>, outcome: PyResult<'py, T>) -> T {
    outcome.unwrap_or_else(|error| panic!("{}", error.describe(py)))
}

/// The exception of what has to fail, as `Class: text`.
pub(crate) fn failure<'py, T>(py: Python<'py>, outcome: PyResult<'py, T>) -> String {
    match outcome {
        Ok(_) => panic!("an exception was expected"),
        Err(error) => error.describe(py),
    }
}

/// The result of `module.name(*args)` as text.
pub(crate) fn call<'py>(
    py: Python<'py>,
    module: &Object<'py>,
    name: &CStr,
    args: &[&Object<'py>],
) -> String {
    let result = check(py, module.call_method(py, name, args));
    check(py, result.str(py))
}

/// Attaches the calling thread with a state of its own.
pub(crate) fn attached<R>(
    interpreter: &'static Interpreter,
    work: impl for<'py> FnOnce(Python<'py>) -> R,
) -> R {
    ThreadState::new(interpreter).attach(work)
}

type Body = dyn for<'a, 'py> Fn(Python<'py>, Args<'a, 'py>) -> PyResult<'py> + Send + Sync;

/// A class whose one method is a Rust closure.
pub(crate) struct Callback(Box<Body>);

impl Class for Callback {
    const NAME: &'static CStr = c"scenario.Callback";
    fn methods() -> Vec<Method<Self>> {
        vec![Method::of::<Call>()]
    }
}

struct Call;

impl MethodBody<Callback> for Call {
    const NAME: &'static CStr = c"call";
    const DOC: &'static CStr = c"call(*args): runs the closure.";
    fn call<'py>(
        this: &Callback,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        (this.0)(py, args)
    }
}

/// A Python callable that runs `body`.
pub(crate) fn callback<'py, F>(py: Python<'py>, body: F) -> Object<'py>
where
    F: for<'a, 'any> Fn(Python<'any>, Args<'a, 'any>) -> PyResult<'any> + Send + Sync + 'static,
{
    let class = check(py, ClassHandle::<Callback>::new(py));
    let instance = check(py, class.instance(py, Callback(Box::new(body))));
    check(py, instance.attr(c"call"))
}
