//! Hosts WSGI applications in interpreters: loading, the PEP 3333 adapter, worker threads, timeouts.
//!
//! There are two ways in. A [`Host`] makes interpreters and loads one application into each; threads make a [`Worker`]
//! of an [`Application`] and give it one [`Exchange`] after the other. [`scripts::Scripts`] makes interpreters by name
//! when they are needed and loads script files into them, as mod_wsgi does. What a front end has to be is the trait
//! [`Exchange`]; nothing here knows sockets, httpd or processes.
//!
//! Threads and locks: a worker belongs to its OS thread. The objects of a request may be reached by any thread of the
//! application; none of their locks is held across a call into Python or while detached.
#![forbid(unsafe_code)]

mod adapter;
mod application;
mod emitter;
mod environ;
mod error;
mod exchange;
mod host;
mod hosted;
mod log;
mod monitor;
mod report;
pub mod scripts;
mod seat;
mod settings;
mod watch;
mod worker;

pub use application::Application;
pub use error::{HostError, LoadFailure, Refusal};
pub use exchange::{Exchange, Failure, ResponseHead, Value};
pub use host::{Host, Watch};
pub use report::{ExceptionReport, Interruption, Phase, Report, Reporter, StackLine};
pub use settings::{Interpreters, Settings, Source, Target};
pub use watch::{InterpreterReport, StuckRequest};
pub use worker::Worker;

pub use rickhouse_python::{Frame, HashSeed, InitConfig, ThreadStack, stacks};

/// Major and minor version of the Python that this was compiled for.
pub const PYTHON_VERSION: (u8, u8) = rickhouse_python::Runtime::BUILT_FOR;
/// Whether that Python can run without a GIL.
pub const FREE_THREADED_BUILD: bool = rickhouse_python::Runtime::is_free_threaded_build();
