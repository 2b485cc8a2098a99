//! Strong references that are not bound to an attached thread.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::interpreter::Interpreter;
use crate::object::Object;
use crate::thread_state::current_interpreter;
use crate::token::Python;

/// A strong reference that may be kept and moved between threads, and is used by binding it to a token.
///
/// It remembers its interpreter: binding it under another one panics instead of mixing two heaps. Dropped on a thread
/// that is not attached to that interpreter, the reference is let go by the next thread that attaches.
pub struct Handle {
    object: NonNull<ffi::PyObject>,
    interpreter: &'static Interpreter,
}

// SAFETY: the object is touched only through `bind`, under a token of its own interpreter, or by dropping the
// reference while attached to it.
unsafe impl Send for Handle {}
// SAFETY: as above; a shared handle offers only `bind`, which counts the reference up while attached.
unsafe impl Sync for Handle {}

impl Handle {
    /// Keeps `object` beyond the attach.
    ///
    /// # Panics
    /// On a thread that Python made: such a thread has no [`Interpreter`] to keep the reference for.
    pub fn new<'py>(py: Python<'py>, object: &Object<'py>) -> Self {
        let interpreter = py
            .interpreter()
            .expect("handles are made on threads attached through a ThreadState");
        Handle {
            object: ManuallyDrop::new(object.clone()).as_non_null(),
            interpreter,
        }
    }

    /// The object, under a token of its interpreter.
    ///
    /// # Panics
    /// Under a token of another interpreter.
    pub fn bind<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.bind_here(py)
            .expect("an object of one interpreter was used under another")
    }

    /// As [`Handle::bind`]; `None` under a token of another interpreter.
    pub fn bind_here<'py>(&self, py: Python<'py>) -> Option<Object<'py>> {
        let id = py
            .interpreter()
            .map_or_else(|| py.interpreter_id(), Interpreter::id);
        if id != self.interpreter.id() {
            return None;
        }
        // SAFETY: we own a reference, so the object is live; it belongs to the interpreter of `py` (looked at above).
        Some(unsafe { Object::from_borrowed(py, self.object) })
    }

    /// Another reference to the same object.
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Handle {
            object: ManuallyDrop::new(self.bind(py)).as_non_null(),
            interpreter: self.interpreter,
        }
    }
}

impl Handle {
    /// How many references to the object exist, this one included; `None` where that cannot be known: on a thread that
    /// is not attached to the object's interpreter, and on free-threaded builds when other threads have or had any.
    pub fn reference_count(&self) -> Option<usize> {
        let attached =
            current_interpreter().is_some_and(|current| current.id() == self.interpreter.id());
        if !attached {
            return None;
        }
        // SAFETY: the object is live, and this thread attached to its interpreter (checked above).
        unsafe { reference_count(self.object) }
    }

    /// Whether this is the only reference to the object; `false` where that cannot be known.
    pub fn is_unique(&self) -> bool {
        self.reference_count() == Some(1)
    }
}

/// # Safety
/// `object` is live, and the calling thread attached to its interpreter.
#[cfg(not(Py_GIL_DISABLED))]
unsafe fn reference_count(object: NonNull<ffi::PyObject>) -> Option<usize> {
    // SAFETY: live and attached by this function's requirement, so nobody changes the count meanwhile.
    let count = unsafe { ffi::Py_REFCNT(object.as_ptr()) };
    usize::try_from(count).ok()
}

/// Without a GIL an object belongs to the thread that made it, which counts its own references; all others share a
/// second counter (PEP 703 "Biased Reference Counting"). While that one is 0, flags included, nobody else has a
/// reference, nor can get one except from this thread.
///
/// # Safety
/// `object` is live, and the calling thread attached to its interpreter.
#[cfg(Py_GIL_DISABLED)]
unsafe fn reference_count(object: NonNull<ffi::PyObject>) -> Option<usize> {
    use std::sync::atomic::Ordering;

    // SAFETY: live by this function's requirement; the thread that owns an object never changes while the object has
    // local references, and the counters are atomics.
    let object = unsafe { object.as_ref() };
    let ours = object.ob_tid == owner_id() && object.ob_ref_shared.load(Ordering::Relaxed) == 0;
    ours.then(|| object.ob_ref_local.load(Ordering::Relaxed))
        .and_then(|count| usize::try_from(count).ok())
}

/// What CPython writes into `ob_tid` of the objects that the calling thread makes.
#[cfg(Py_GIL_DISABLED)]
fn owner_id() -> usize {
    use std::cell::Cell;

    thread_local! {
        static OWNER: Cell<usize> = const { Cell::new(0) };
    }
    if OWNER.get() == 0 {
        // SAFETY: callers are attached.
        let fresh = unsafe { ffi::PyList_New(0) };
        if let Some(fresh) = NonNull::new(fresh) {
            // SAFETY: a new object, alive until the reference is let go below.
            OWNER.set(unsafe { fresh.as_ref() }.ob_tid);
            // SAFETY: attached; we own the reference.
            unsafe { ffi::Py_DECREF(fresh.as_ptr()) };
        } else {
            // SAFETY: attached; only memory can be short.
            unsafe { ffi::PyErr_Clear() };
        }
    }
    OWNER.get()
}

impl Drop for Handle {
    fn drop(&mut self) {
        if current_interpreter().is_some_and(|current| current.id() == self.interpreter.id()) {
            // SAFETY: attached to the object's interpreter; we own one reference.
            unsafe { ffi::Py_DECREF(self.object.as_ptr()) };
        } else {
            self.interpreter.adopt_orphan(self.object);
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle(interpreter {})", self.interpreter.id())
    }
}
