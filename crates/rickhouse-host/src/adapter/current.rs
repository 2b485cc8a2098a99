//! The log of the request that a thread serves, for standard streams: what is written to them meanwhile belongs to it.

use std::cell::RefCell;
use std::marker::PhantomData;

use rickhouse_python::{Handle, Object, Python};

thread_local! {
    static CURRENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

/// While it lives, the calling thread's writes to `sys.stdout` and `sys.stderr` go to a request's log. May be nested: a
/// response can include another, whose request runs on the thread of the first.
pub(crate) struct CurrentLog {
    outer: Option<Handle>,
    _this_thread_only: PhantomData<*mut ()>,
}

impl CurrentLog {
    /// `log` is the log object under the request's `wsgi.errors`.
    pub(crate) fn set(log: Handle) -> Self {
        CurrentLog {
            outer: CURRENT.replace(Some(log)),
            _this_thread_only: PhantomData,
        }
    }

    /// The log of the calling thread's request, if that is one of this interpreter. A thread that is ending has none: what
    /// its `threading.local` held may still write.
    pub(crate) fn find(py: Python<'_>) -> Option<Object<'_>> {
        let find = |log: &RefCell<Option<Handle>>| log.borrow().as_ref()?.bind_here(py);
        CURRENT.try_with(find).ok().flatten()
    }
}

impl Drop for CurrentLog {
    fn drop(&mut self) {
        CURRENT.set(self.outer.take());
    }
}
