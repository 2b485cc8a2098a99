//! Environment variables and the C locale of a process that has no threads yet.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Sets an environment variable.
///
/// # Errors
/// When the process has other threads, which may be reading the environment, or name or value cannot be part of it.
pub fn set_variable(name: &str, value: &OsStr) -> io::Result<()> {
    let possible = !name.is_empty() && !name.bytes().any(|byte| byte == b'=' || byte == 0);
    if !possible || value.as_bytes().contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if !crate::process::is_single_threaded() {
        return Err(io::Error::other("the process has several threads"));
    }
    // SAFETY: no other thread exists, so nobody reads or writes the environment at the same time.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

/// Sets the whole C locale (`LC_ALL`); whether the system has it.
///
/// # Errors
/// When the process has other threads, which may be using the locale.
pub fn set_locale(name: &OsStr) -> io::Result<bool> {
    let Ok(name) = CString::new(name.as_bytes()) else {
        return Ok(false);
    };
    if !crate::process::is_single_threaded() {
        return Err(io::Error::other("the process has several threads"));
    }
    // SAFETY: name is NUL-terminated; no other thread exists that could be using the locale.
    let set = unsafe { libc::setlocale(libc::LC_ALL, name.as_ptr()) };
    Ok(!set.is_null())
}
