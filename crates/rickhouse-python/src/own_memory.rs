//! Reading this process's memory by addresses that may be stale.

use std::ffi::c_void;

/// `length` bytes at `address`, or `None` when not all of them can be read (`process_vm_readv` on this process).
pub(crate) fn read_bytes(address: u64, length: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0_u8; length];
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: length,
    };
    let remote = libc::iovec {
        iov_base: address as *mut c_void,
        iov_len: length,
    };
    // SAFETY: has no requirements.
    let own = unsafe { libc::getpid() };
    // SAFETY: `local` describes a live, writable buffer; the kernel checks `remote` and fails with EFAULT.
    let read = unsafe { libc::process_vm_readv(own, &raw const local, 1, &raw const remote, 1, 0) };
    (usize::try_from(read) == Ok(length)).then_some(buffer)
}

/// The 64-bit value at `address`.
pub(crate) fn read_u64(address: u64) -> Option<u64> {
    let bytes = read_bytes(address, size_of::<u64>())?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// The 64-bit field at `offset` of the structure at `base`. A torn read can give any `base`, so the sum may wrap.
pub(crate) fn read_field(base: u64, offset: u64) -> Option<u64> {
    read_u64(base.wrapping_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_addresses_are_errors() {
        let value = 0x1122_3344_5566_7788_u64;
        assert_eq!(read_u64((&raw const value) as u64), Some(value));
        assert_eq!(read_u64(8), None);
        assert_eq!(read_bytes(u64::MAX - 4, 8), None);
        assert_eq!(read_field(u64::MAX, 8), None);
    }
}
