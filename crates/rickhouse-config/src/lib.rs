//! One table of options: command line, TOML, environment, reference pages; what was said, and what it means.
#![forbid(unsafe_code)]

mod config;
mod gil;
mod mistakes;
mod origin;
mod values;

pub use config::{Config, GilMode, LogLevel};
pub use gil::{PythonFacts, ResolvedGil, check_gil};
pub use mistakes::{ConfigErrors, Mistake, Place};
pub use origin::Origin;
pub use values::{AllowedProxies, Bind, LogFile, Target};
