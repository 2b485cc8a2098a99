//! Facts about an open file.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

/// The size in bytes of a regular file; `None` for anything else (a pipe, a socket, a device, a directory).
///
/// # Errors
/// What the kernel says.
pub fn regular_size(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let found = fstat(file)?;
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    Ok(regular.then(|| u64::try_from(found.st_size).unwrap_or(0)))
}

/// Whether the descriptor was opened for reading.
///
/// # Errors
/// What the kernel says.
pub fn is_readable(file: BorrowedFd<'_>) -> io::Result<bool> {
    let flags = fcntl_getfl(file)?;
    let is_path = flags.contains(OFlags::PATH);
    Ok(!is_path && flags & OFlags::RWMODE != OFlags::WRONLY)
}

/// Reads at `offset`, wherever the file's own position is; 0 is its end.
///
/// # Errors
/// What the kernel says.
pub fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| {
        rustix::io::pread(file, &mut *buffer, offset)
    })?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn only_a_regular_file_has_a_size() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"12345").expect("room");
        assert_eq!(regular_size(file.as_fd()).expect("open"), Some(5));
        let (pipe, _writer) = io::pipe().expect("a pipe");
        assert_eq!(regular_size(pipe.as_fd()).expect("open"), None);
        let device = std::fs::File::open("/dev/null").expect("there");
        assert_eq!(regular_size(device.as_fd()).expect("open"), None);
        let mut buffer = [0; 8];
        assert_eq!(read_at(file.as_fd(), &mut buffer, 3).expect("readable"), 2);
        assert_eq!(&buffer[..2], b"45");
    }
}
