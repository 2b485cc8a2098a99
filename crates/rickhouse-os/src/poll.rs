//! Waiting for a handful of descriptors, for threads that watch few things; the HTTP front end uses [`readiness`] instead.
//!
//! [`readiness`]: https://man7.org/linux/man-pages/man7/epoll.7.html

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::OsError;

/// Waits until one of `descriptors` can be read or has hung up, a signal arrives, or `timeout` is over (`None`: never).
/// Tells for each whether it can; all `false` after a timeout or a signal.
///
/// # Errors
/// [`OsError::Call`] when the kernel is out of memory for the set.
pub fn readable(
    descriptors: &[BorrowedFd<'_>],
    timeout: Option<Duration>,
) -> Result<Vec<bool>, OsError> {
    let mut set: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    // A duration beyond the kernel's type means "very long": no timeout serves as well.
    let timeout = timeout.and_then(|wait| Timespec::try_from(wait).ok());
    match poll(&mut set, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(set.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(errno) => Err(OsError::call("poll", errno)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn tells_which_one_can_be_read() {
        let (quiet, _other) = UnixStream::pair().expect("a pair");
        let (loud, mut writer) = UnixStream::pair().expect("a pair");
        writer.write_all(b"x").expect("room for a byte");
        let ready = readable(&[quiet.as_fd(), loud.as_fd()], None).expect("poll works");
        assert_eq!(ready, [false, true]);
    }

    #[test]
    fn a_timeout_reports_nothing_and_a_hang_up_is_readable() {
        let (end, other) = UnixStream::pair().expect("a pair");
        assert_eq!(
            readable(&[end.as_fd()], Some(Duration::ZERO)).expect("poll works"),
            [false]
        );
        drop(other);
        assert_eq!(readable(&[end.as_fd()], None).expect("poll works"), [true]);
    }
}
