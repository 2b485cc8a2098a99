//! Script files in interpreters that are made by name, when they are needed: the engine under httpd's module.
//!
//! A process has one [`Scripts`]. Its threads each have a [`ScriptThread`], which runs requests ([`ScriptThread::handle`]),
//! import scripts, and the functions of dispatch, access and authentication scripts. An *application group* names an
//! interpreter; the empty name is the main interpreter.
//!
//! What there is to say goes to the process's [`crate::Reporter`]; [`crate::Report::records`] puts all of it into the words
//! and codes of mod_wsgi, so that an implementer has to find the right log only. Section numbers in this module are
//! those of the behavioural reference (directives-and-daemon).
//!
//! Threads and locks: interpreters are made under one lock, scripts are loaded under another; both are waited for
//! detached, and held while Python runs. Neither is taken inside the other, nor by code that Python calls. Requests whose
//! script is loaded take neither. Threads made here (monitors) inherit the signal mask of the thread that makes an
//! interpreter.
//!
//! The rest of mod_wsgi's Python module (events, metrics) is not here; it belongs next to
//! what `setup.py` puts into that module for the request path.

/// `mod_wsgi.version`: applications test for the version of mod_wsgi whose behaviour they find here.
pub const VERSION: (u32, u32, u32) = (6, 1, 1);

mod call;
mod hook;
mod hooks;
mod interpreters;
mod loader;
mod process;
mod record;
mod search;
mod settings;
mod setup;
mod stacks;
mod thread;
mod voice;
mod words;

pub use call::{Call, Ended, Reload};
pub use hook::{HookCall, HookFailure, HookRequest};
pub use hooks::{Access, Dispatched, Password, Realm};
pub use process::{Scripts, StartError, Watch};
pub use record::{Level, Place, Record, Scope};
pub use settings::{ApacheInfo, InterpreterSettings, ProcessKind, ProcessSettings, User};
pub use thread::ScriptThread;
