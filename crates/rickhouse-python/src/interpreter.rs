//! Interpreters: the main one and sub-interpreters (`PyInterpreterState`).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use pyo3_ffi as ffi;

use crate::attach_gate::{AttachGate, AttachStats, GateQueue};
use crate::thread_state::ThreadState;
use crate::token::Python;

/// Which GIL an interpreter runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GilKind {
    /// The main interpreter and what shares its GIL.
    Shared,
    /// A GIL of its own (PEP 684, CPython 3.12 and newer).
    Own,
    /// No GIL in this process (PEP 703).
    Off,
}

/// Why a sub-interpreter could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// The running CPython has no per-interpreter GIL.
    #[error("this CPython has no GIL per interpreter; that needs 3.12 or newer")]
    OwnGilUnsupported,
    /// `Py_NewInterpreterFromConfig` refused; the text is CPython's.
    #[error("CPython could not make an interpreter: {0}")]
    Refused(String),
    /// Sub-interpreters are made from the main interpreter only.
    #[error("sub-interpreters can be made only while attached to the main interpreter")]
    NotMain,
    /// CPython makes one interpreter at a time.
    #[error("another thread is making an interpreter at this moment")]
    Busy,
}

/// An interpreter of this process. It is never ended (CPython 3.12 corrupts its heap when one is, and 3.13 leaks), so
/// references to it are `'static`.
pub struct Interpreter {
    state: NonNull<ffi::PyInterpreterState>,
    id: i64,
    gil: GilKind,
    gate: AttachGate,
    orphans: Mutex<Vec<Orphan>>,
    has_orphans: AtomicBool,
}

/// A strong reference whose handle was dropped by a thread that was not attached.
struct Orphan(NonNull<ffi::PyObject>);

// SAFETY: an orphan is only an address until `release_orphans` uses it, attached to the interpreter it belongs to.
unsafe impl Send for Orphan {}
// SAFETY: CPython allows a `PyInterpreterState` pointer to be passed to `PyThreadState_New` from any thread, which is
// the only use made of `state`; the interpreter is never deleted.
unsafe impl Send for Interpreter {}
// SAFETY: as above; every other field is `Sync` by itself.
unsafe impl Sync for Interpreter {}

impl Interpreter {
    /// # Safety
    /// `state` is an interpreter of this process that is never deleted.
    pub(crate) unsafe fn from_state(
        state: NonNull<ffi::PyInterpreterState>,
        gil: GilKind,
        queue: GateQueue,
    ) -> &'static Self {
        // SAFETY: `state` is live by this function's own requirement.
        let id = unsafe { ffi::PyInterpreterState_GetID(state.as_ptr()) };
        Box::leak(Box::new(Interpreter {
            state,
            id,
            gil,
            gate: AttachGate::new(queue),
            orphans: Mutex::default(),
            has_orphans: AtomicBool::new(false),
        }))
    }

    /// `PyInterpreterState_GetID`: 0 for the main interpreter, then counted upwards.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Which GIL the interpreter runs under.
    pub fn gil(&self) -> GilKind {
        self.gil
    }

    /// Whether this is the main interpreter of the process.
    pub fn is_main(&self) -> bool {
        self.id == 0
    }

    /// What attaching has cost so far, over all threads.
    pub fn attach_stats(&self) -> AttachStats {
        self.gate.stats()
    }

    pub(crate) fn state(&self) -> *mut ffi::PyInterpreterState {
        self.state.as_ptr()
    }

    pub(crate) fn queue(&self) -> GateQueue {
        self.gate.queue()
    }

    pub(crate) fn pass_gate(&self, attach: &mut dyn FnMut()) -> Duration {
        self.gate.pass(attach)
    }

    pub(crate) fn pass_by_gate(&self, attach: &mut dyn FnMut()) -> Duration {
        self.gate.pass_by(attach)
    }

    /// Keeps a reference that cannot be dropped here until a thread attaches to the interpreter.
    pub(crate) fn adopt_orphan(&self, object: NonNull<ffi::PyObject>) {
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.push(Orphan(object));
        self.has_orphans.store(true, Ordering::Release);
    }

    /// Drops the references left by [`Interpreter::adopt_orphan`].
    pub(crate) fn release_orphans(&self, _py: Python<'_>) {
        if !self.has_orphans.load(Ordering::Acquire) {
            return;
        }
        let orphans = {
            let mut waiting = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
            self.has_orphans.store(false, Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        for Orphan(object) in orphans {
            // SAFETY: the orphan owns one reference, and this thread is attached to its interpreter.
            unsafe { ffi::Py_DECREF(object.as_ptr()) };
        }
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter")
            .field("id", &self.id)
            .field("gil", &self.gil)
            .finish_non_exhaustive()
    }
}

/// Makes a sub-interpreter and returns the thread state that CPython made for this thread with it, detached.
///
/// On return the thread is attached to the main interpreter again, which also makes `PyGILState_Ensure` on this
/// thread mean the main interpreter.
pub(crate) fn create(
    py: Python<'_>,
    own_gil: bool,
    gil: GilKind,
    queue: GateQueue,
) -> Result<ThreadState, InterpreterError> {
    if py.interpreter_id() != 0 {
        return Err(InterpreterError::NotMain);
    }
    // The call below lets go of main's GIL meanwhile, so a second thread can come here; it must not wait, because it
    // would hold the GIL that the first one needs for its way back.
    static CREATING: Mutex<()> = Mutex::new(());
    let _turn = match CREATING.try_lock() {
        Ok(turn) => turn,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(InterpreterError::Busy),
    };
    // SAFETY: the thread is attached, as `py` proves, so it has a current thread state.
    let main_state = unsafe { ffi::PyThreadState_Get() };
    let created = new_thread_state(own_gil);
    let Ok(created) = created else {
        // SAFETY: `main_state` belongs to this thread; on failure CPython has made it current again or left none.
        unsafe { ffi::PyThreadState_Swap(main_state) };
        return Err(created.expect_err("checked by the pattern above"));
    };
    // SAFETY: `created` is the live, current thread state of the new interpreter.
    let state = unsafe { ffi::PyThreadState_GetInterpreter(created.as_ptr()) };
    let state = NonNull::new(state).expect("a live thread state has an interpreter");
    // SAFETY: detaches `created` and attaches `main_state`, which this thread was attached to before.
    unsafe { ffi::PyThreadState_Swap(main_state) };
    // SAFETY: the interpreter was just made, and nothing in this crate deletes interpreters.
    let interpreter = unsafe { Interpreter::from_state(state, gil, queue) };
    // SAFETY: `created` was made for this thread, is detached and owned by nobody else.
    let state = unsafe { ThreadState::from_raw(created, interpreter) };
    // Up to 3.12 an interpreter's first thread state lives inside of it and cannot be made again: when all others are gone
    // too, the next one would be a fatal error. So it stays when its thread ends.
    Ok(if cfg!(Py_3_13) {
        state
    } else {
        state.never_deleted()
    })
}

#[cfg(Py_3_12)]
fn new_thread_state(own_gil: bool) -> Result<NonNull<ffi::PyThreadState>, InterpreterError> {
    let config = ffi::PyInterpreterConfig {
        use_main_obmalloc: i32::from(!own_gil),
        // A child forked while sub-interpreters live is broken from its first instruction; refuse it with an error.
        allow_fork: 0,
        allow_exec: 0,
        allow_threads: 1,
        // Many libraries start daemon threads; since interpreters are never ended, they harm nobody.
        allow_daemon_threads: 1,
        check_multi_interp_extensions: i32::from(own_gil || cfg!(Py_GIL_DISABLED)),
        gil: if own_gil {
            ffi::PyInterpreterConfig_OWN_GIL
        } else {
            ffi::PyInterpreterConfig_SHARED_GIL
        },
    };
    let mut created = std::ptr::null_mut();
    // SAFETY: called attached to main; both pointers are valid for the call.
    let status = unsafe { ffi::Py_NewInterpreterFromConfig(&raw mut created, &raw const config) };
    match NonNull::new(created) {
        Some(created) => Ok(created),
        None => Err(InterpreterError::Refused(crate::runtime::status_text(
            &status,
        ))),
    }
}

#[cfg(not(Py_3_12))]
fn new_thread_state(own_gil: bool) -> Result<NonNull<ffi::PyThreadState>, InterpreterError> {
    if own_gil {
        return Err(InterpreterError::OwnGilUnsupported);
    }
    // SAFETY: called attached to main.
    let created = unsafe { ffi::Py_NewInterpreter() };
    NonNull::new(created)
        .ok_or_else(|| InterpreterError::Refused("Py_NewInterpreter returned NULL".to_owned()))
}
