//! The configuration of rickhouse: one table of options, from which come the command line with its help, the schema of the
//! TOML file, the environment variables, the output of `rickhouse config` and the reference page.
//!
//! It works in two steps. The sources say texts, each with the place where it stands (`Options`, without any meaning); then the
//! texts get their meaning ([`Config`], typed and checked). After that nobody checks again. Every mistake of every source is
//! reported at once ([`ConfigErrors`]), each with its place.
//!
//! [`parse_command`] does both. It touches nothing but what its [`Surroundings`] give it: it neither prints nor exits, looks up
//! no users and opens no sockets. Whether the running Python can do the GIL mode that was asked for is [`check_gil`]'s to say, when
//! there is a Python to ask.
#![forbid(unsafe_code)]

mod command;
mod config;
mod gil;
mod mistakes;
mod options;
mod origin;
mod reader;
mod reference;
mod resolve;
mod show;
mod sources;
mod surroundings;
mod table;
mod values;

pub use command::{Command, Exit, Findings, ModuleCommand, Origins, Stream, parse_command};
pub use config::{Config, GilMode, LogLevel};
pub use gil::{PythonFacts, ResolvedGil, check_gil};
pub use mistakes::{ConfigErrors, Mistake, Place};
pub use origin::Origin;
pub use reference::{commands_page, reference_page};
pub use surroundings::Surroundings;
pub use values::{AllowedProxies, Bind, LogFile, Target};
