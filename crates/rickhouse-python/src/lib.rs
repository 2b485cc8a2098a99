//! The CPython fence: runtime, interpreters, thread states, object handles, callbacks.
