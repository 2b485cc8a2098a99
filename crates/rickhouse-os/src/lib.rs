//! The operating-system fence: readiness, sockets, exec, credentials, descriptors, signals.
//!
//! The only crate that calls `libc` or `rustix`. It knows nothing of Python, HTTP or httpd: every module is one
//! kernel facility with an interface that cannot be misused from safe code.

pub mod accounts;
pub mod activation;
pub mod child;
pub mod child_ends;
pub mod clock;
pub mod credentials;
pub mod error;
pub mod exec;
pub mod exit;
pub mod file;
pub mod group_socket;
pub mod inherit;
pub mod limits;
pub mod listen;
pub mod locale;
pub mod logfile;
pub mod notify;
pub mod nudge;
pub mod pidfile;
pub mod poll;
pub mod privileges;
pub mod process;
pub mod random;
pub mod readiness;
pub mod sendfile;
pub mod shared;
pub mod signal_pipe;
pub mod signals;
pub mod socket;
pub mod socket_file;
pub mod stream;
mod tcp_holder;
pub mod title;
