//! Rules of the workspace that no compiler checks: which crate may use which, where unsafe code may be, and how long
//! a file may get. The tests of this crate apply them; ARCHITECTURE.md explains them.
//!
//! A rule is a function from facts to complaints, one line each, so that a test can also show that it complains.

#![forbid(unsafe_code)]

pub mod dependencies;
pub mod sources;

use std::path::PathBuf;

/// The folder of the workspace.
///
/// # Panics
/// When this crate has been moved out of `crates/`.
pub fn workspace_folder() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("this crate lives in <workspace>/crates")
        .to_owned()
}
