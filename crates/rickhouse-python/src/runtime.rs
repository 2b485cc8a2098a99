//! CPython itself: initialised once, never finalised.

use std::ffi::CStr;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::attach_gate::GateQueue;
use crate::error::PyResult;
use crate::init::{self, InitConfig, InitError};
use crate::interpreter::{self, GilKind, Interpreter, InterpreterError};
use crate::thread_state::{self, ThreadState};
use crate::token::Python;

/// CPython in this process. There is one, made by [`Runtime::initialize`] or found running by the extension module's
/// entry point.
#[derive(Debug)]
pub struct Runtime {
    main: &'static Interpreter,
}

/// What kind of CPython this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonInfo {
    /// `sys.version_info[:3]`.
    pub version: (u8, u8, u8),
    /// A free-threaded build (PEP 703).
    pub free_threaded: bool,
    /// Whether the GIL is in use now; always true on other builds.
    pub gil_enabled: bool,
}

impl Runtime {
    /// Starts CPython without signal handlers and without reading the command line. Must be called once.
    ///
    /// # Errors
    /// [`InitError`] with CPython's text. CPython may be half set up after that: it cannot be tried again.
    pub fn initialize(config: &InitConfig) -> Result<(Runtime, ThreadState), InitError> {
        init::start(config)?;
        // SAFETY: `Py_InitializeFromConfig` has attached this thread to the main interpreter.
        let py = unsafe { Python::assume_attached() };
        Ok(Self::adopt(py))
    }

    /// Takes over the main interpreter that the calling thread is attached to, and detaches the thread.
    ///
    /// The caller gives up `py` by contract of [`crate::entry`]: nothing uses it afterwards.
    pub(crate) fn adopt(_py: Python<'_>) -> (Runtime, ThreadState) {
        // SAFETY: CPython is initialised.
        let main = unsafe { ffi::PyInterpreterState_Main() };
        let main = NonNull::new(main).expect("an initialised CPython has a main interpreter");
        let gil = if gil_enabled() {
            GilKind::Shared
        } else {
            GilKind::Off
        };
        // SAFETY: the main interpreter lives as long as the process, since CPython is never finalised here.
        let main = unsafe { Interpreter::from_state(main, gil, GateQueue::default()) };
        // SAFETY: the thread is attached to main.
        let state = unsafe { ffi::PyEval_SaveThread() };
        thread_state::forget_attachment();
        let state = NonNull::new(state).expect("an attached thread has a thread state");
        // SAFETY: this thread's own state, detached just above; CPython keeps it but uses it no more.
        let state = unsafe { ThreadState::from_raw(state, main) }.never_deleted();
        (Runtime { main }, state)
    }

    /// The main interpreter.
    pub fn main(&self) -> &'static Interpreter {
        self.main
    }

    /// Makes a sub-interpreter, and the calling thread's state in it.
    ///
    /// # Errors
    /// [`InterpreterError`]: not attached to main, another thread is making one, or with CPython's text when it refuses.
    pub fn new_interpreter(
        &self,
        py: Python<'_>,
        own_gil: bool,
    ) -> Result<ThreadState, InterpreterError> {
        if own_gil && cfg!(not(Py_3_12)) {
            return Err(InterpreterError::OwnGilUnsupported);
        }
        let gil = match (gil_enabled(), own_gil) {
            (false, _) => GilKind::Off,
            (true, true) => GilKind::Own,
            (true, false) => GilKind::Shared,
        };
        // Interpreters under one GIL queue for it together, or their threads would starve each other.
        let queue = match gil {
            GilKind::Shared => self.main.queue(),
            GilKind::Own | GilKind::Off => GateQueue::default(),
        };
        interpreter::create(py, own_gil, gil, queue)
    }

    /// Major and minor version of the CPython that this was compiled for.
    pub const BUILT_FOR: (u8, u8) = (number(env!("PYTHON_MAJOR")), number(env!("PYTHON_MINOR")));

    /// Whether the CPython this is built for can run without the GIL (PEP 703).
    pub const fn is_free_threaded_build() -> bool {
        cfg!(Py_GIL_DISABLED)
    }

    /// Which CPython this is.
    pub fn info(&self) -> PythonInfo {
        // SAFETY: has no requirements.
        let version = unsafe { ffi::Py_GetVersion() };
        // SAFETY: the text is static and NUL-terminated.
        let version = unsafe { CStr::from_ptr(version) };
        PythonInfo {
            version: parse_version(&version.to_string_lossy()),
            free_threaded: cfg!(Py_GIL_DISABLED),
            gil_enabled: gil_enabled(),
        }
    }
}

impl<'py> Python<'py> {
    /// Whether the GIL is in use in this process at this moment (an import can switch it back on).
    pub fn gil_enabled(self) -> PyResult<'py, bool> {
        if !cfg!(Py_GIL_DISABLED) {
            return Ok(true);
        }
        self.import(c"sys")?
            .call_method(self, c"_is_gil_enabled", &[])?
            .is_true()
    }
}

/// Ends the process at once, without CPython's finalisation (`_exit`): with live interpreters and thread states that
/// would abort or hang. Callers have flushed what they want to keep.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: has no requirements.
    unsafe { libc::_exit(status) }
}

/// Whether the process runs with a GIL. Read once, when the runtime is adopted: before any application is imported.
#[cfg(Py_GIL_DISABLED)]
fn gil_enabled() -> bool {
    use std::sync::OnceLock;
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| {
        // SAFETY: first called by `adopt`, attached to main.
        let py = unsafe { Python::assume_attached() };
        py.gil_enabled().unwrap_or(true)
    })
}

#[cfg(not(Py_GIL_DISABLED))]
fn gil_enabled() -> bool {
    true
}

fn parse_version(text: &str) -> (u8, u8, u8) {
    let number = |part: &str| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap_or(0)
    };
    let mut parts = text
        .split(' ')
        .next()
        .unwrap_or_default()
        .split('.')
        .map(number);
    (
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
    )
}

/// CPython's own words for a failure.
pub(crate) fn status_text(status: &ffi::PyStatus) -> String {
    if status.err_msg.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: CPython's messages are static, NUL-terminated texts.
    unsafe { CStr::from_ptr(status.err_msg) }
        .to_string_lossy()
        .into_owned()
}

const fn number(digits: &str) -> u8 {
    match u8::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("the build program gives numbers"),
    }
}
