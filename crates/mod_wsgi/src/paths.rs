//! Bytes as names of files.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rickhouse_directives::Text;

/// The path that these bytes are.
pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A copy of the path that these bytes are.
pub(crate) fn to_path(bytes: &Text) -> PathBuf {
    as_path(bytes).to_owned()
}

/// The bytes as the system's text.
pub(crate) fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}
