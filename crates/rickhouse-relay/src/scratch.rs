//! Buffers that go from one request to the next.
//!
//! A relayed response passes through one large buffer, which would otherwise be asked of the system for each request:
//! fresh pages for every megabyte cost more than copying it. The buffer used last is handed out first; 32 are kept at
//! most, and what was never written to takes no memory.

use std::sync::{Mutex, PoisonError};

/// Bytes of a buffer: as much as is worth reading from a daemon at once.
pub const SIZE: usize = 256 << 10;

/// As many buffers wait for a next request: 8 MiB.
const KEPT: usize = 32;

static SPARE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer of [`SIZE`] bytes with whatever is in it; given back when dropped.
#[derive(Debug)]
pub struct Scratch(Box<[u8]>);

impl Scratch {
    /// Takes a spare one or makes one.
    #[must_use]
    pub fn take() -> Self {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Scratch(spare.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()))
    }

    /// Holds the place of one that is in use elsewhere.
    pub(crate) fn none() -> Self {
        Scratch(Box::default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        if buffer.is_empty() {
            return;
        }
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    }
}

impl std::ops::Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
