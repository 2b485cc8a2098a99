//! The HTTP front end: listeners, connections, limits, timeouts, drain. It calls a trait and knows no Python.
//!
//! # How it works
//!
//! [`Server`] makes no threads. Each thread that can run requests enters [`Server::run`] with its own [`Handler`]; all of
//! them wait on one shared, edge-triggered readiness set. Whoever is idle takes a connection, reads, parses, calls the
//! handler, and writes, all on itself: a request never changes thread. Threads that share a GIL share a [`Lane`], in which
//! as a rule one thread leads and the others sleep. One more thread, the concierge ([`Server::run_concierge`]), accepts,
//! parses, queues and sheds while all others are busy, and enforces timeouts.
//!
//! # Invariants
//!
//! * A connection has one owner at a time (`slab`), and only the owner touches it.
//! * A request head, and a body up to a limit, is read completely before the handler is entered; a response that fits the
//!   response buffer leaves the thread free however slow the client is.
//! * Where two readings of a request are possible it is refused and the connection closed (`request`).
//! * Nothing a client sends reaches a panic, and a handler's panic is a failed request.
//! * `accepted = closed + open` and `begun = finished + aborted + running` ([`Stats`]).
//!
//! # What it does not do
//!
//! TLS, HTTP/2, upgrades, response compression, static files.
#![forbid(unsafe_code)]

mod access;
mod bell;
mod body;
mod chunked;
mod concierge;
mod connection;
mod engine;
mod error;
mod exchange;
mod pace;
mod proxy;
mod request;
mod response;
mod server;
mod settings;
mod slab;
mod stats;

pub use access::{AccessSink, LogFormat};
pub use error::{LogFormatError, ServerError};
pub use exchange::{Exchange, Handler};
pub use request::view::{RequestHead, Version};
pub use rickhouse_lane::Lane;
pub use rickhouse_os::listen::{BindAddress, ListenError, Listener};
pub use rickhouse_wsgi::proxy::TrustedPeers;
pub use server::{Listeners, Server};
pub use settings::{Limits, Settings, Timeouts};
pub use stats::Stats;
