//! Random numbers of the kernel, for secrets.

use std::io;

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};

/// So many random bytes.
///
/// # Errors
/// What the kernel says; one that has been running for a moment has always enough.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += retry_on_intr(|| getrandom(&mut bytes[filled..], GetRandomFlags::empty()))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let first: [u8; 32] = bytes().expect("a kernel");
        let second: [u8; 32] = bytes().expect("a kernel");
        assert_ne!(first, second);
    }
}
