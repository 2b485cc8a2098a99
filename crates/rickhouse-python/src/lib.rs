//! The CPython fence: runtime, interpreters, thread states, object handles, callbacks.
//!
//! This crate is the only user of `pyo3-ffi`. What it offers is safe; what it relies on is written in SAFETY.md.
//!
//! The types follow the life of a thread that runs Python:
//!
//! * [`Runtime`]: CPython, initialised once in a process and never finalised;
//! * [`Interpreter`]: the main interpreter, or a sub-interpreter that shares its GIL or has its own;
//! * [`ThreadState`]: one per OS thread and interpreter, kept for the thread's life (`PyThreadState`);
//! * [`ThreadState::attach`]: runs a closure with a [`Python`] token. The token's lifetime is fresh for each attach and
//!   invariant, so an [`Object`] of one interpreter does not type-check under another's token.
//!
//! Nothing here knows WSGI, HTTP or httpd.

mod attach_gate;
mod bytes_buffer;
mod call;
mod class;
#[cfg(all(Py_3_13, not(Py_3_15)))]
mod debug_offsets;
mod dict;
mod entry;
mod error;
mod handle;
mod init;
mod interpreter;
#[cfg(all(Py_3_13, not(Py_3_15)))]
mod linetable;
mod object;
#[cfg(all(Py_3_13, not(Py_3_15)))]
mod own_memory;
mod runtime;
mod scoped;
mod sequence;
mod stacks;
mod text;
mod thread_state;
mod token;
mod trampoline;

pub use attach_gate::AttachStats;
pub use bytes_buffer::BytesBuffer;
pub use class::{Args, Class, ClassHandle, Method, MethodBody, NextBody};
pub use dict::Dict;
#[doc(hidden)]
pub use entry::__module_init;
pub use entry::Main;
pub use error::{Error, ErrorKind, PyResult};
pub use handle::Handle;
pub use init::{HashSeed, InitConfig, InitError};
pub use interpreter::{GilKind, Interpreter, InterpreterError};
pub use object::{Iter, Object};
pub use runtime::{PythonInfo, Runtime, exit_now};
pub use scoped::{Lendable, ScopeError, Scoped};
pub use stacks::{Frame, ThreadStack, stacks};
pub use thread_state::{ThreadIdent, ThreadState, is_attached, request_async_exception};
pub use token::Python;
