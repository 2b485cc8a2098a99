//! The directives of `mod_wsgi.so` and the rules of a request under httpd, as far as they can be computed without httpd and Python.
//!
//! * What is configured: [`settings`] (servers and directories), [`global`] (the process), [`daemon`] (process groups), [`interpreters`]
//!   (per interpreter). [`directives`] is the table of all directives, each with the function that reads it.
//! * What becomes of a request: [`matching`], [`gate`], [`groups`], [`environ`], [`trusted_proxy`], [`ownership`], [`response`].
//! * What is written to the log: [`messages`].
//!
//! Everything here is a function of its arguments. What only the world knows comes in by the traits [`Surroundings`],
//! [`groups::GroupView`] and [`environ::RequestView`]. Texts are bytes; nothing panics, whatever it is given.
#![forbid(unsafe_code)]

pub mod alias;
pub mod daemon;
pub mod directives;
pub mod environ;
pub mod gate;
pub mod global;
pub mod groups;
pub mod interpreters;
pub mod matching;
pub mod membership;
pub mod messages;
pub mod ownership;
pub mod paths;
pub mod proxies;
pub mod python;
mod reference;
mod rejected;
pub mod response;
pub mod scripts;
pub mod settings;
pub mod socket;
mod surroundings;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod text;
pub mod trusted_proxy;
pub mod value;
mod words;

pub use reference::{directives_page, messages_page};
pub use rejected::Rejected;
pub use surroundings::{PythonBuild, ServerIdentity, Surroundings};
pub use text::{Shown, Text};
pub use words::{Malformed, Words};
