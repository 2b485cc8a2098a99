//! Thread states: the pair of an OS thread and an interpreter (`PyThreadState`).

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use pyo3_ffi as ffi;

use crate::interpreter::Interpreter;
use crate::object::Object;
use crate::token::Python;

/// Who attached the calling thread.
#[derive(Clone, Copy)]
enum Attached {
    /// Nobody: the thread is detached.
    No,
    /// A [`ThreadState`] of this interpreter.
    Here(&'static Interpreter),
    /// CPython, before it called into this crate: a thread that Python made.
    ByPython,
}

thread_local! {
    static CURRENT: Cell<Attached> = const { Cell::new(Attached::No) };
}

/// CPython's name of an OS thread (`PyThread_get_thread_ident`, Python's `threading.get_ident()`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadIdent(std::ffi::c_ulong);

impl ThreadIdent {
    /// The ident of the calling thread.
    pub fn current() -> Self {
        // SAFETY: has no requirements; it reads `pthread_self`.
        ThreadIdent(unsafe { ffi::PyThread_get_thread_ident() })
    }

    /// The operating system's id of the calling thread, as in [`crate::ThreadStack::native_id`].
    pub fn current_native() -> u64 {
        // SAFETY: has no requirements.
        let id = unsafe { libc::gettid() };
        u64::from(id.unsigned_abs())
    }

    /// The number Python shows for the thread.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The ident that [`ThreadIdent::as_u64`] gave.
    pub fn from_u64(number: u64) -> Self {
        ThreadIdent(number)
    }
}

/// A thread state of this OS thread in one interpreter, kept for the thread's life.
///
/// Making one costs from 0.3 µs (GIL builds) to 2 µs (free-threaded builds), attaching a kept one 25–60 ns; and only a
/// kept one lets `threading.local` survive from one request to the next. It cannot move to another thread.
pub struct ThreadState {
    state: NonNull<ffi::PyThreadState>,
    interpreter: &'static Interpreter,
    last_wait: Duration,
    owned: bool,
    _this_thread_only: PhantomData<*mut ()>,
}

impl ThreadState {
    /// Makes a thread state for the calling OS thread (`PyThreadState_New`). The thread is not attached yet.
    pub fn new(interpreter: &'static Interpreter) -> Self {
        // SAFETY: the interpreter is live for ever; the call needs no attached thread state.
        let state = unsafe { ffi::PyThreadState_New(interpreter.state()) };
        let state =
            NonNull::new(state).expect("PyThreadState_New fails only when memory is exhausted");
        // SAFETY: just made for this thread, and owned by nobody else.
        unsafe { Self::from_raw(state, interpreter) }
    }

    /// # Safety
    /// `state` belongs to the calling OS thread and to `interpreter`, is detached, and has no other owner.
    pub(crate) unsafe fn from_raw(
        state: NonNull<ffi::PyThreadState>,
        interpreter: &'static Interpreter,
    ) -> Self {
        ThreadState {
            state,
            interpreter,
            last_wait: Duration::ZERO,
            owned: true,
            _this_thread_only: PhantomData,
        }
    }

    /// Leaves the state to CPython for ever, as the main thread's.
    pub(crate) fn never_deleted(mut self) -> Self {
        self.owned = false;
        self
    }

    /// The interpreter this thread state belongs to.
    pub fn interpreter(&self) -> &'static Interpreter {
        self.interpreter
    }

    /// Leaves the state to CPython when it is dropped, for a process that is ending: nothing enters Python then.
    pub fn abandon(&mut self) {
        self.owned = false;
    }

    /// How long the latest [`ThreadState::attach`] waited, its queue in front of the GIL included.
    pub fn last_wait(&self) -> Duration {
        self.last_wait
    }

    /// Attaches the thread, runs `work`, detaches.
    ///
    /// Objects cannot leave `work`, and objects of one interpreter cannot meet another's.
    ///
    /// # Panics
    /// When the thread is attached already: two attached states on one thread would be a fatal error of CPython.
    pub fn attach<R>(&mut self, work: impl for<'py> FnOnce(Python<'py>) -> R) -> R {
        self.attach_through(Interpreter::pass_gate, work)
    }

    /// Attaches past the queue in front of the GIL: for a thread that has to get in because others do not let go.
    ///
    /// Up to CPython 3.12 a thread that waits for a shared GIL reaches only holders in its own interpreter with its
    /// request to let go. If one of another interpreter waits at the head of the queue, nobody behind it may be heard.
    ///
    /// # Panics
    /// As [`ThreadState::attach`].
    pub fn attach_ahead<R>(&mut self, work: impl for<'py> FnOnce(Python<'py>) -> R) -> R {
        self.attach_through(Interpreter::pass_by_gate, work)
    }

    fn attach_through<R>(
        &mut self,
        way_in: fn(&Interpreter, &mut dyn FnMut()) -> Duration,
        work: impl for<'py> FnOnce(Python<'py>) -> R,
    ) -> R {
        assert!(
            matches!(CURRENT.get(), Attached::No),
            "the thread is attached to an interpreter already"
        );
        let state = self.state;
        self.last_wait = way_in(self.interpreter, &mut || {
            // SAFETY: `state` is this thread's own, detached (asserted above), and its interpreter is live.
            unsafe { ffi::PyEval_RestoreThread(state.as_ptr()) };
        });
        CURRENT.set(Attached::Here(self.interpreter));
        let _detach = DetachOnDrop;
        // SAFETY: attached just above; detached only when `_detach` drops, after `work` has returned or unwound.
        let py = unsafe { Python::assume_attached() };
        self.interpreter.release_orphans(py);
        work(py)
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        if !self.owned || !matches!(CURRENT.get(), Attached::No) {
            // Such as the main thread's state, which belongs to CPython. One dropped while another is attached is left behind,
            // which costs some memory; deleting it here would need to attach it.
            return;
        }
        let state = self.state;
        self.interpreter.pass_gate(&mut || {
            // SAFETY: `state` is this thread's own and detached.
            unsafe { ffi::PyEval_RestoreThread(state.as_ptr()) };
        });
        // What the thread kept in `threading.local` is let go of next, and its finalizers may call into this crate.
        CURRENT.set(Attached::Here(self.interpreter));
        // SAFETY: attached just above.
        let py = unsafe { Python::assume_attached() };
        self.interpreter.release_orphans(py);
        // SAFETY: `state` is attached, which `PyThreadState_Clear` needs.
        unsafe { ffi::PyThreadState_Clear(state.as_ptr()) };
        CURRENT.set(Attached::No);
        // SAFETY: the current thread state is the cleared one; the call detaches and frees it.
        unsafe { ffi::PyThreadState_DeleteCurrent() };
    }
}

/// Detaches the thread, also when the attached closure unwinds.
struct DetachOnDrop;

impl Drop for DetachOnDrop {
    fn drop(&mut self) {
        CURRENT.set(Attached::No);
        // SAFETY: made right after attaching; `detached` restores the state before it returns, so it is attached here.
        unsafe { ffi::PyEval_SaveThread() };
    }
}

/// Attaches again what [`detached`] let go of, also when the closure unwinds.
struct Reattach {
    state: *mut ffi::PyThreadState,
    attached: Attached,
}

impl Drop for Reattach {
    fn drop(&mut self) {
        let state = self.state;
        let mut attach = || {
            // SAFETY: `state` was attached by this thread and saved by `detached`.
            unsafe { ffi::PyEval_RestoreThread(state) };
        };
        match self.attached {
            Attached::Here(interpreter) => drop(interpreter.pass_gate(&mut attach)),
            Attached::ByPython | Attached::No => attach(),
        }
        CURRENT.set(self.attached);
    }
}

/// See [`Python::detach`], which proves that the thread is attached.
pub(crate) fn detached<R>(work: impl FnOnce() -> R) -> R {
    let attached = CURRENT.replace(Attached::No);
    // SAFETY: the caller holds a token, so a thread state is attached.
    let state = unsafe { ffi::PyEval_SaveThread() };
    let _reattach = Reattach { state, attached };
    work()
}

/// Whether the calling thread is attached to an interpreter, or was called by one. Code that can be reached from a signal
/// handler or from a clean-up asks before it attaches.
pub fn is_attached() -> bool {
    !matches!(CURRENT.get(), Attached::No)
}

/// The interpreter this thread is attached to through a [`ThreadState`].
pub(crate) fn current_interpreter() -> Option<&'static Interpreter> {
    match CURRENT.get() {
        Attached::Here(interpreter) => Some(interpreter),
        Attached::No | Attached::ByPython => None,
    }
}

/// Notes for its life that CPython has called into this crate, so that a thread which Python made counts as attached:
/// a [`ThreadState::attach`] on it would be a fatal error of CPython.
pub(crate) struct CalledByPython {
    before: Attached,
}

impl CalledByPython {
    pub(crate) fn enter() -> Self {
        let before = CURRENT.get();
        if matches!(before, Attached::No) {
            CURRENT.set(Attached::ByPython);
        }
        CalledByPython { before }
    }
}

impl Drop for CalledByPython {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Notes that the thread, which CPython had attached, was detached for good.
pub(crate) fn forget_attachment() {
    CURRENT.set(Attached::No);
}

/// Asks CPython to raise `exception` (a class of this interpreter) in the thread `target`, or takes a pending one back
/// when `exception` is `None` (`PyThreadState_SetAsyncExc`). Returns whether the thread is known to this interpreter.
///
/// The exception arrives when the thread next runs Python byte code, which can be after what it was meant for: the
/// target must take it back before it detaches.
pub fn request_async_exception<'py>(
    _py: Python<'py>,
    target: ThreadIdent,
    exception: Option<&Object<'py>>,
) -> bool {
    let class = exception.map_or(std::ptr::null_mut(), Object::as_ptr);
    // SAFETY: attached, as the token proves; `class` is NULL or a live object of this interpreter.
    let states = unsafe { ffi::PyThreadState_SetAsyncExc(target.0 as std::ffi::c_long, class) };
    states > 0
}
