//! A connected stream socket: non-blocking reads and writes, and waits with a deadline.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrAny};
use rustix::time::Timespec;

/// What [`Socket::peek`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// The peer is there and has sent nothing.
    Nothing,
    /// Bytes to read.
    Bytes,
    /// The end of the stream, or a broken connection.
    Closed,
}

/// A connected, non-blocking stream socket. Writing never raises `SIGPIPE`.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Takes a socket that is non-blocking already (as `accept4` makes them).
    #[must_use]
    pub fn from_nonblocking(fd: OwnedFd) -> Socket {
        Socket { fd }
    }

    /// Sends small writes at once (`TCP_NODELAY`); meaningless on a Unix socket, where it does nothing.
    pub fn set_nodelay(&self) {
        let _ = rustix::net::sockopt::set_tcp_nodelay(&self.fd, true);
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; otherwise what the kernel says (reset, …). `Ok(0)` is the end of the stream.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::empty())
        })?;
        Ok(count)
    }

    /// Writes what the kernel takes.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; otherwise what the kernel says (broken pipe, reset, …).
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.fd, data, SendFlags::NOSIGNAL)
        })?)
    }

    /// Writes what the kernel takes of several pieces, in order, in one call. `more` says that more will follow at once.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn send_pieces(&self, pieces: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let flags = if more {
            SendFlags::NOSIGNAL | SendFlags::MORE
        } else {
            SendFlags::NOSIGNAL
        };
        Ok(rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.fd, pieces, &mut SendAncillaryBuffer::default(), flags)
        })?)
    }

    /// Waits until a read will not block. `false` means that `timeout` passed.
    ///
    /// # Errors
    /// Only when the descriptor is broken.
    pub fn wait_readable(&self, timeout: Duration) -> io::Result<bool> {
        wait(self.fd.as_fd(), PollFlags::IN | PollFlags::RDHUP, timeout)
    }

    /// Waits until a write will not block. `false` means that `timeout` passed.
    ///
    /// # Errors
    /// Only when the descriptor is broken.
    pub fn wait_writable(&self, timeout: Duration) -> io::Result<bool> {
        wait(self.fd.as_fd(), PollFlags::OUT, timeout)
    }

    /// What a read would find now; nothing is consumed.
    #[must_use]
    pub fn peek(&self) -> Peeked {
        let mut byte = [0u8; 1];
        match rustix::net::recv(&self.fd, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((0, _)) => Peeked::Closed,
            Ok(_) => Peeked::Bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Peeked::Nothing,
            Err(_) => Peeked::Closed,
        }
    }

    /// Whether closing resets the connection and drops what was not sent yet, instead of ending the stream in order. It holds
    /// for the end of the process as well. Without effect on a Unix socket, which knows no reset.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_reset_on_close(&self, resets: bool) -> io::Result<()> {
        let linger = resets.then_some(Duration::ZERO);
        Ok(rustix::net::sockopt::set_socket_linger(&self.fd, linger)?)
    }

    /// Ends our side of the stream; the peer reads what was sent, then the end.
    pub fn shutdown_write(&self) {
        // The peer may be gone already; there is nothing to do about it.
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }

    /// Our own address of this connection; `None` on a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        rustix::net::getsockname(&self.fd)
            .ok()
            .and_then(internet_address)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The IP address and port in a socket address; `None` for other families. IPv4-mapped IPv6 comes out as IPv4.
#[must_use]
pub fn internet_address(any: SocketAddrAny) -> Option<SocketAddr> {
    let address = SocketAddr::try_from(any).ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags, timeout: Duration) -> io::Result<bool> {
    let deadline = Instant::now().checked_add(timeout);
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.map(|t| Timespec {
            tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(t.subsec_nanos()),
        });
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], left.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
