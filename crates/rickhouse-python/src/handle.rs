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
    pub fn new(py: Python<'_>, object: &Object<'_>) -> Self {
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
        let id = py
            .interpreter()
            .map_or_else(|| py.interpreter_id(), Interpreter::id);
        assert_eq!(
            id,
            self.interpreter.id(),
            "an object of one interpreter was used under another"
        );
        // SAFETY: we own a reference, so the object is live; it belongs to the interpreter of `py` (asserted above).
        unsafe { Object::from_borrowed(py, self.object) }
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
    /// How many references to the object exist, this one included. `None` on free-threaded builds: there the count is
    /// split between threads and cannot be read.
    pub fn reference_count(&self) -> Option<usize> {
        if cfg!(Py_GIL_DISABLED) {
            return None;
        }
        let attached =
            current_interpreter().is_some_and(|current| current.id() == self.interpreter.id());
        // SAFETY: attached to the object's interpreter (checked by `then`), so nobody changes the count meanwhile.
        attached
            .then(|| unsafe { ffi::Py_REFCNT(self.object.as_ptr()) })
            .and_then(|count| usize::try_from(count).ok())
    }

    /// Whether this is the only reference to the object; `false` where that cannot be known.
    pub fn is_unique(&self) -> bool {
        self.reference_count() == Some(1)
    }
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
