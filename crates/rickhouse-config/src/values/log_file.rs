//! Where a log goes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFile {
    /// The standard stream of that log, written `-`.
    Standard,
    /// A file that is appended to; absolute.
    File(PathBuf),
}
