//! Sending a file to a socket without copying it through the process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

/// How much one call moves at most, so that a deadline is looked at now and then.
const AT_ONCE: usize = 1 << 20;

/// Moves up to `count` bytes from `file` at `offset` to a non-blocking socket. `Ok(0)` means the file has ended.
///
/// Falls back to reading and sending where the kernel cannot `sendfile(2)` from this kind of file.
///
/// # Errors
/// `WouldBlock` when the socket is full, otherwise what the kernel says.
pub fn send_file(
    socket: impl AsFd,
    file: BorrowedFd<'_>,
    offset: u64,
    count: u64,
) -> io::Result<usize> {
    let count = usize::try_from(count).unwrap_or(AT_ONCE).min(AT_ONCE);
    let mut position = offset;
    match rustix::fs::sendfile(socket.as_fd(), file, Some(&mut position), count) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::SPIPE) => {
            copy(socket.as_fd(), file, offset, count)
        }
        Err(Errno::INTR) => Err(io::ErrorKind::Interrupted.into()),
        other => Ok(other?),
    }
}

fn copy(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    let mut block = vec![0u8; count.min(64 * 1024)];
    let read = rustix::io::pread(file, &mut block, offset)?;
    if read == 0 {
        return Ok(0);
    }
    Ok(rustix::net::send(
        socket,
        &block[..read],
        rustix::net::SendFlags::NOSIGNAL,
    )?)
}
