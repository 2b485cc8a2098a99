//! A daemon process of httpd: set-up, threads, the daemon's end of the wire, timers, stop.
//!
//! [`run()`] is the life of a process that httpd's parent has just forked: it changes itself ([`Settings::setup`]), starts
//! Python through the [`Engine`] it is given, answers requests and ends. It knows neither httpd nor Python; what it has to
//! say goes to `tracing`, in the words of mod_wsgi and with its codes as the field `code` (`WSGI0084`). Levels that
//! `tracing` lacks are the field `level` (`alert`, `crit`) of an error.
//!
//! # Threads
//!
//! | thread | job | enters Python |
//! |---|---|---|
//! | main | set-up, import scripts, then waits for signals and looks at the [timers]; the stop | at start and stop |
//! | `wsgi-<n>` | accepts a connection, reads its request, runs the application, writes the response | yes |
//! | `wsgi-signals` | delivers `SIGHUP` and `SIGUSR2` | yes |
//! | `wsgi-watchman` | while Python starts and scripts are imported: hears the signals, and ends a process that hangs there | no |
//! | `wsgi-reaper` | from the beginning of the stop: ends the process when that takes too long | no |
//!
//! The timers run whatever is configured (DD §14 row 67), and nothing the main thread does between start and stop can
//! block it.
//!
//! # What threads share
//!
//! Atomics only. A worker stores in its slot when it accepted and that it is done, *then* looks whether the process
//! drains or stops; the main thread stores that, *then* looks at the slots (all sequentially consistent): one of them
//! sees the other, so no end of a drain is missed and no idle worker is waited for. Workers tell the main thread by
//! bits that it looks at, and wake it by a byte in the pipe that its signals come through.
//!
//! Workers blocked in `accept4` are called back by a signal when the process ends, each by itself: those of other
//! processes on the same socket are not disturbed. A connection that one of them still gets is answered by `REJECTED`, and
//! the child tries another process; none is left in `accept4`, where the end of the process would cut a connection off.
//! `REJECTED` is said when nobody accepts any more, so that no process rejects the same request twice.
#![forbid(unsafe_code)]

mod activity;
mod dispatcher;
mod engine;
mod exchange;
pub mod exit;
mod frames;
mod notice;
mod process;
mod rest;
mod run;
mod settings;
mod setup;
mod slots;
mod stop;
pub mod timers;
mod watchman;
mod worker;

/// The target of events that a thread inside of a request says about the process and not about that request.
pub const PROCESS: &str = "rickhouse_daemon::process";

pub use engine::{Ended, Engine, Handler, StartError, StartStep};
pub use exchange::WireExchange;
pub use rest::Rest;
pub use run::run;
pub use settings::{Identity, SEND_BUFFER, Settings, Setup, TimerSettings, scaled_request_timeout};
