//! Text as C has it: bytes up to a NUL.

use std::ffi::{CStr, c_char};
use std::fmt;

/// Text with a NUL byte in it, which C would cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasNul;

impl fmt::Display for HasNul {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text with a NUL byte")
    }
}

impl std::error::Error for HasNul {}

impl From<HasNul> for std::io::Error {
    fn from(error: HasNul) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl HasNul {
    pub(crate) fn check(text: &[u8]) -> Result<(), Self> {
        if text.contains(&0) { Err(Self) } else { Ok(()) }
    }
}

/// The bytes at `text`, or nothing where that is null.
///
/// # Safety
/// `text` is null or ends with a NUL, and neither changes nor goes away during `'a`.
pub(crate) unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the text.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}
