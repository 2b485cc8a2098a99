//! Where a value was said.

use std::fmt;
use std::path::PathBuf;

/// Where a value was said, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    CommandLine,
    /// By an environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// In a configuration file.
    File {
        /// The file, as the user named it.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// Nowhere: it is the default.
    Default,
}

/// As it stands behind a value in the output of `rickhouse config`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
