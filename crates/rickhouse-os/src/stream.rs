//! A connected Unix stream socket between an httpd child and a daemon process: blocking, with time limits, and able to
//! carry a descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_send_buffer_size, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect,
    recvmsg, sendmsg, socket_with,
};

/// A connected, blocking, close-on-exec stream socket. Writing never raises `SIGPIPE`.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
}

/// What can be done without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, or the end of the stream.
    pub readable: bool,
    /// There is room to write, or writing fails at once.
    pub writable: bool,
}

impl Stream {
    /// Takes a connected, blocking socket.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        Stream { fd }
    }

    /// Connects to the socket file at `path`. `timeout` bounds the wait for a place in its queue, and every later write.
    ///
    /// # Errors
    /// `WouldBlock` when the queue stays full; otherwise what the kernel says, a path that is too long included.
    pub fn connect(path: &Path, timeout: Option<Duration>) -> io::Result<Self> {
        let stream = Self::unconnected(timeout)?;
        stream.connect_to(path)?;
        Ok(stream)
    }

    /// A socket to connect with; `timeout` as for [`Stream::connect`].
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn unconnected(timeout: Option<Duration>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let stream = Stream { fd };
        stream.set_write_timeout(timeout)?;
        Ok(stream)
    }

    /// Connects; may be tried again after an error.
    ///
    /// # Errors
    /// As [`Stream::connect`].
    pub fn connect_to(&self, path: &Path) -> io::Result<()> {
        let name = SocketAddrUnix::new(path)?;
        // Nothing is connected half-way on a Unix socket, so an interrupted attempt is made again.
        Ok(retry_on_intr(|| connect(&self.fd, &name))?)
    }

    /// Bounds each wait of a read; `None` waits for ever. Shorter than a microsecond counts as that.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Ok(set_socket_timeout(
            &self.fd,
            Timeout::Recv,
            bounded(timeout),
        )?)
    }

    /// Bounds each wait of a write; `None` waits for ever.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Ok(set_socket_timeout(
            &self.fd,
            Timeout::Send,
            bounded(timeout),
        )?)
    }

    /// Lets the kernel hold `bytes` that the peer has not read yet. It takes less when its own limit
    /// (`net.core.wmem_max`) is lower. An accepted socket does not inherit this from its listener.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(set_socket_send_buffer_size(&self.fd, bytes)?)
    }

    /// Reads; 0 is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when the read timeout passed; otherwise what the kernel says.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv_flags(buffer, RecvFlags::empty())
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; otherwise what the kernel says.
    pub fn recv_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv_flags(buffer, RecvFlags::DONTWAIT)
    }

    fn recv_flags(&self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        let (count, _) = retry_on_intr(|| rustix::net::recv(&self.fd, &mut *buffer, flags))?;
        Ok(count)
    }

    /// Reads into several places, one after the other.
    ///
    /// # Errors
    /// As [`Stream::recv`].
    pub fn recv_pieces(&self, pieces: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::readv(&self.fd, &mut *pieces))?)
    }

    /// Reads what is there, and the descriptor that came with it, close-on-exec. The kernel never hands out two in one
    /// read, nor bytes that were written after those that carried one.
    ///
    /// # Errors
    /// As [`Stream::recv_now`].
    pub fn recv_descriptor_now(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| {
            let mut pieces = [IoSliceMut::new(&mut *buffer)];
            recvmsg(&self.fd, &mut pieces, &mut control, flags)
        })?;
        let mut descriptor = None;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                descriptor = descriptors.next();
            }
        }
        Ok((received.bytes, descriptor))
    }

    /// Writes several pieces, in order, and a descriptor with their first byte. Tells how much was taken, which is less
    /// than everything only when the write timeout passed or something failed in the middle.
    ///
    /// # Errors
    /// `WouldBlock` when nothing could be written before the write timeout; otherwise what the kernel says.
    pub fn send(
        &self,
        pieces: &[IoSlice<'_>],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<usize> {
        self.send_flags(pieces, descriptor, SendFlags::NOSIGNAL)
    }

    /// Writes what the kernel takes at once.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; otherwise what the kernel says.
    pub fn send_now(
        &self,
        pieces: &[IoSlice<'_>],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        self.send_flags(pieces, descriptor, flags)
    }

    fn send_flags(
        &self,
        pieces: &[IoSlice<'_>],
        descriptor: Option<BorrowedFd<'_>>,
        flags: SendFlags,
    ) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.map(|fd| [fd]);
        if let Some(descriptors) = &descriptors {
            let fits = control.push(SendAncillaryMessage::ScmRights(descriptors));
            debug_assert!(fits, "there is space for one");
        }
        Ok(retry_on_intr(|| {
            sendmsg(&self.fd, pieces, &mut control, flags)
        })?)
    }

    /// Waits until something can be read, or (if `writing`) written. All `false` means that `timeout` passed.
    ///
    /// # Errors
    /// When the kernel is out of memory.
    pub fn wait(&self, writing: bool, timeout: Option<Duration>) -> io::Result<Readiness> {
        let interest = interest(writing);
        let mut set = [PollFd::new(&self.fd, interest)];
        wait(&mut set, timeout)?;
        Ok(readiness(&set[0], writing))
    }

    /// As [`Stream::wait`], and also until `other` can be read or is broken; whether that is so.
    ///
    /// # Errors
    /// When the kernel is out of memory.
    pub fn wait_or(
        &self,
        writing: bool,
        other: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<(Readiness, bool)> {
        let interest = interest(writing);
        let mut set = [
            PollFd::new(&self.fd, interest),
            PollFd::from_borrowed_fd(other, PollFlags::IN),
        ];
        wait(&mut set, timeout)?;
        Ok((readiness(&set[0], writing), !set[1].revents().is_empty()))
    }

    /// Ends our side of the stream; the peer reads what was sent, then the end.
    pub fn shutdown_write(&self) {
        // The peer may be gone already; there is nothing to do about it.
        let _gone = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn interest(writing: bool) -> PollFlags {
    let mut interest = PollFlags::IN | PollFlags::RDHUP;
    interest.set(PollFlags::OUT, writing);
    interest
}

fn wait(set: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    // A duration beyond the kernel's type means "very long": no timeout serves as well.
    let timeout = timeout.and_then(|wait| Timespec::try_from(wait).ok());
    match poll(set, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn readiness(polled: &PollFd<'_>, writing: bool) -> Readiness {
    let found = polled.revents();
    let broken = found.intersects(PollFlags::ERR | PollFlags::HUP);
    Readiness {
        readable: broken || found.intersects(PollFlags::IN | PollFlags::RDHUP),
        writable: writing && (broken || found.contains(PollFlags::OUT)),
    }
}

/// Zero would mean "for ever" to the kernel.
fn bounded(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|timeout| timeout.max(Duration::from_micros(1)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (Stream, Stream) {
        let (one, other) = UnixStream::pair().expect("a pair");
        (Stream::from_fd(one.into()), Stream::from_fd(other.into()))
    }

    #[test]
    fn a_descriptor_arrives_with_its_bytes_and_not_later_ones() {
        let (one, other) = pair();
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"content").expect("room");
        file.rewind().expect("seekable");
        let send = |text: &[u8], fd| one.send(&[IoSlice::new(text)], fd).expect("room");
        assert_eq!(send(b"head", Some(file.as_fd())), 4);
        assert_eq!(send(b"next", None), 4);
        let mut buffer = [0; 64];
        let (count, descriptor) = other.recv_descriptor_now(&mut buffer).expect("there");
        assert_eq!(&buffer[..count], b"head");
        let mut text = String::new();
        std::fs::File::from(descriptor.expect("it came"))
            .read_to_string(&mut text)
            .expect("readable");
        assert_eq!(text, "content");
        let (count, descriptor) = other.recv_descriptor_now(&mut buffer).expect("there");
        assert_eq!(
            (&buffer[..count], descriptor.is_some()),
            (&b"next"[..], false)
        );
    }

    #[test]
    fn waits_end_by_their_timeouts() {
        let (one, other) = pair();
        one.set_read_timeout(Some(Duration::ZERO))
            .expect("a socket");
        let error = one.recv(&mut [0; 8]).expect_err("nothing was sent");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        other
            .set_write_timeout(Some(Duration::ZERO))
            .expect("a socket");
        let block = [0; 65536];
        let full = loop {
            match other.send(&[IoSlice::new(&block)], None) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let ready = other.wait(true, Some(Duration::ZERO)).expect("poll works");
        assert_eq!((ready.readable, ready.writable), (false, false));
    }

    #[test]
    fn the_end_of_a_stream_and_pieces() {
        let (one, other) = pair();
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
        assert_eq!(one.send_now(&pieces, None).expect("room"), 5);
        one.shutdown_write();
        let (mut first, mut second) = ([0; 3], [0; 8]);
        let mut places = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(other.recv_pieces(&mut places).expect("there"), 5);
        assert_eq!((&first, &second[..2]), (b"abc", &b"de"[..]));
        assert!(other.wait(false, None).expect("poll works").readable);
        assert_eq!(other.recv_now(&mut first).expect("the end"), 0);
        drop(other);
        let error = one.send(&pieces, None).expect_err("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
