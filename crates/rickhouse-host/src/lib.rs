//! Hosts WSGI applications in interpreters: loading, the PEP 3333 adapter, worker threads, timeouts.
//!
//! A [`Host`] makes interpreters and loads the application into each. Threads make a [`Worker`] of an
//! [`Application`] and give it one [`Exchange`] after the other. What a front end has to be is the trait
//! [`Exchange`]; nothing here knows sockets, httpd or processes.
//!
//! Threads and locks: a worker belongs to its OS thread. The objects of a request may be reached by any thread of the
//! application; none of their locks is held across a call into Python or while detached.
#![forbid(unsafe_code)]

mod adapter;
mod application;
mod environ;
mod error;
mod exchange;
mod host;
mod log;
mod monitor;
mod settings;
mod watch;
mod worker;

pub use application::Application;
pub use error::{HostError, LoadFailure, Refusal};
pub use exchange::{Exchange, Failure, ResponseHead};
pub use host::{Host, Watch};
pub use settings::{Interpreters, Settings, Source, Target};
pub use watch::{InterpreterReport, StuckRequest};
pub use worker::Worker;

pub use rickhouse_python::{Frame, ThreadStack, stacks};
