//! The token of an attached thread.

use std::marker::PhantomData;

use pyo3_ffi as ffi;

use crate::interpreter::Interpreter;
use crate::thread_state;

/// Proof that this thread is attached to an interpreter.
///
/// `'py` is made anew by every attach and is invariant: tokens and objects of two attaches never unify, so an object
/// of one interpreter cannot be handed to a call under another. The token cannot leave its thread. What must not
/// compile is in `tests/ui`.
#[derive(Clone, Copy)]
pub struct Python<'py> {
    _invariant: PhantomData<Invariant<'py>>,
}

/// A function from and to `&'py ()` is invariant in `'py`; a raw pointer is neither `Send` nor `Sync`.
type Invariant<'py> = (fn(&'py ()) -> &'py (), *mut ());

impl<'py> Python<'py> {
    /// # Safety
    /// The calling thread is attached to an interpreter, and stays attached for all of `'py` except inside
    /// [`Python::detach`].
    pub(crate) unsafe fn assume_attached() -> Self {
        Python {
            _invariant: PhantomData,
        }
    }

    /// Runs `work` without holding the interpreter (`PyEval_SaveThread` … `PyEval_RestoreThread`).
    ///
    /// `work` must be [`Send`] although it stays on this thread: that bound is what keeps objects, which are not
    /// `Send`, out of it. Every blocking call and every log write belongs in here. (A wrapper that makes anything `Send`
    /// and checks the thread at run time, such as the crate `send_wrapper`, gets around the bound; this project uses
    /// none.)
    pub fn detach<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        thread_state::detached(work)
    }

    /// The interpreter this thread attached through a [`crate::ThreadState`]; `None` on threads that Python made itself.
    pub fn interpreter(self) -> Option<&'static Interpreter> {
        thread_state::current_interpreter()
    }

    /// Reads `PyInterpreterState_GetID` of the attached interpreter: 0 is the main interpreter.
    pub fn interpreter_id(self) -> i64 {
        // SAFETY: needs an attached thread state, which the token proves.
        let state = unsafe { ffi::PyInterpreterState_Get() };
        // SAFETY: `state` is the live interpreter of the attached thread.
        unsafe { ffi::PyInterpreterState_GetID(state) }
    }
}
