//! The httpd fence: what a module needs of Apache httpd 2.4, with an interface that safe code cannot misuse.
//!
//! Leaf code implements [`Module`] for a type and exports it with [`module!`]:
//!
//! ```text
//! struct Wsgi;
//! rickhouse_httpd::module!(wsgi_module, c"mod_wsgi.c", Wsgi);
//! impl Module for Wsgi {
//!     type ServerConfig = Servers;              // Merge: Default, merge(outer, inner)
//!     type DirConfig = Directories;
//!     const COMMANDS: &'static [Command<Self>] = &[
//!         Command::take1(c"WSGICallableObject", Contexts::FILE_INFO, c"Name of the callable.", callable_object),
//!     ];
//!     fn register(hooks: &mut Hooks<Self>) {
//!         hooks.handler(Order::MIDDLE);         // then Wsgi::handler is called
//!     }
//!     fn handler(request: &mut Request<'_>) -> Outcome { … }
//! }
//! fn callable_object(context: &mut CommandContext<'_, Wsgi>, name: &[u8]) -> Result<(), String> {
//!     match context.target()? { Target::Directory(config) => …, Target::Server(config) => … }
//! }
//! ```
//!
//! * Texts of httpd are bytes: neither URIs nor configuration files have an encoding.
//! * A [`Pool`], [`Table`], [`Server`], [`Request`] is valid while the hook runs that got it, which its lifetime says.
//! * **Every entry from C catches panics** ([`Module`] names the answer for each), and a panic becomes a record
//!   `WSGI9001`. SAFETY.md has the rules that no function can state.
//! * Directives: [`Command`], [`CommandContext`] (what is set, containers by [`CommandContext::walk`]),
//!   [`command_context::Words`], [`regex`].
//! * Requests: fields and tables on [`Request`], bodies by [`Request::read_body`], responses by [`Request::send`],
//!   [`Request::pass_parts`], [`Request::send_file`], [`Request::end_truncated`]; a failed read's [`Status`] says what to answer.
//! * Processes: [`Generation::fork`] and [`process::Ended`]; [`mpm`] knows the state of things.
//! * Logging: [`log::write`] with a [`log::Scope`], a [`log::Level`] and [`at!`]. [`log::Scope::Current`] is the request of
//!   the hook that this thread is in.
//!
//! `examples/probe.rs` is a module that uses all of it. The end-to-end tests take the real one through restarts
//! (`tests/httpd/test_life_cycle.py`).

pub mod command_context;
mod config;
mod connection;
pub mod directive;
mod fence;
mod generation;
mod hooks;
mod leave;
mod lent;
pub mod log;
mod log_client;
pub mod mpm;
mod outcome;
mod parts;
mod pool;
pub mod process;
mod record;
pub mod regex;
mod request;
mod request_body;
mod request_cgi;
mod request_facts;
mod response;
mod server;
mod status;
mod table;
mod text;
mod tls;

pub use command_context::{CommandContext, Target};
pub use config::Merge;
pub use connection::Connection;
pub use directive::{Command, Contexts};
pub use fence::fenced;
pub use generation::{ChildInit, Generation, PreConfig, Startup};
pub use hooks::{Files, Hooks, Order};
pub use lent::{Lent, Turn};
pub use outcome::{Authentication, Authorization, Failed, Outcome};
pub use parts::Part;
pub use pool::Pool;
pub use record::{Module, Record, Registered};
pub use request::Request;
pub use request_cgi::RedirectedFrom;
pub use request_facts::{FileInfo, FileKind, Related};
pub use response::FileOptions;
pub use server::Server;
pub use status::Status;
pub use table::Table;
pub use text::HasNul;
