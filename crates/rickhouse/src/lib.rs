//! The rickhouse product: command line, process roles, and the wiring of engine and front end.
//!
//! Python starts us twice over. What the user calls becomes the **supervisor**: it reads the configuration, binds the
//! listeners, and keeps workers running; it runs no application code and has no threads. Each **worker** is an exec of
//! the same interpreter in another role, with the listeners, a control channel and its plan as inherited descriptors.
#![forbid(unsafe_code)]

mod command_line;
mod entry;
mod httpd_module;
mod invocation;
mod log;
mod machine;
mod plan;
mod supervisor;
mod worker;

use std::ffi::{OsString, c_int};

use rickhouse_python::{Runtime, ThreadState};

use crate::invocation::{Invocation, Role};

/// The life of a process, from the arguments to its exit status.
fn life(runtime: Runtime, mut main_thread: ThreadState, arguments: Vec<OsString>) -> c_int {
    match Invocation::parse(arguments).role() {
        Role::CommandLine {
            interpreter,
            arguments,
        } => command_line::run(&runtime.info(), &mut main_thread, interpreter, arguments),
        Role::Worker { descriptors } => worker::run(runtime, main_thread, &descriptors),
    }
}
