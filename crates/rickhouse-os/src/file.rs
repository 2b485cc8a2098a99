//! Facts about an open file.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fstat};

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

/// Another descriptor of a regular file, for reading, with a position of its own: a duplicate has the position of the original,
/// and moves it. It finds files that have no name any more, too.
///
/// # Errors
/// What the kernel says, above all `PermissionDenied` where the file was opened by somebody with more rights; `InvalidInput` for
/// what is no regular file.
pub fn reopen(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let found = fstat(file)?;
    // To open something else may wait, or do something.
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let reopened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let again = fstat(reopened.as_fd())?;
    // Below a `chroot`, anything may be called so.
    if (again.st_dev, again.st_ino) != (found.st_dev, found.st_ino) {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(reopened)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
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

    #[test]
    fn a_reopened_file_has_a_position_of_its_own() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"12345").expect("room");
        file.rewind().expect("a file");
        let mut again = std::fs::File::from(reopen(file.as_fd()).expect("ours"));
        let mut text = String::new();
        again.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "12345");
        assert_eq!(file.stream_position().expect("a file"), 0);
        again.write_all(b"6").expect_err("it is for reading");
    }

    #[test]
    fn only_a_regular_file_is_opened_again() {
        let (pipe, _writer) = io::pipe().expect("a pipe");
        let refused = reopen(pipe.as_fd()).expect_err("to open it would wait");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}
