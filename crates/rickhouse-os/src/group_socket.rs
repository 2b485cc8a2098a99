//! The socket of a group of processes: a file that one user may connect to, made before the processes are forked, and
//! accepted from by all of them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
    sockopt,
};

use crate::socket_file::{Place, under_umask};
use crate::stream::Stream;

/// What a group's socket is like.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// User number of who may connect; `None` leaves the file to this process's user. Only root can give it away.
    pub owner: Option<u32>,
    /// `SO_SNDBUF`, `None` leaves the system's. Accepted sockets do not inherit it ([`Stream::set_send_buffer`]).
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF`, `None` leaves the system's.
    pub receive_buffer: Option<usize>,
}

/// The step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making a socket, or a name for it: a path longer than 107 bytes is refused here.
    Create,
    /// Binding it to its file.
    Bind,
    /// Listening.
    Listen,
    /// Giving the file to its owner.
    Owner,
}

/// A group's socket could not be made; nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[error("the socket of a process group failed at step {step:?}")]
pub struct SocketError {
    /// How far it came.
    pub step: Step,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A group's socket, and what its maker may want to say about it.
#[derive(Debug)]
pub struct Made {
    /// The socket. Its maker removes the file in the end ([`GroupSocket::remove_file`]).
    pub socket: GroupSocket,
    /// What was not granted.
    pub refused: Refused,
}

/// Sizes that the kernel did not take.
#[derive(Debug, Default)]
pub struct Refused {
    /// `SO_SNDBUF`.
    pub send_buffer: Option<io::Error>,
    /// `SO_RCVBUF`.
    pub receive_buffer: Option<io::Error>,
}

/// A listening Unix socket from which threads of several processes accept, blocking. Close-on-exec.
#[derive(Debug)]
pub struct GroupSocket {
    fd: OwnedFd,
    /// Its file, for the process that made it.
    place: Option<Place>,
}

impl GroupSocket {
    /// Makes the socket file, with mode 0600, in the place of nothing. See [`remove_stale`].
    ///
    /// The umask is changed for the moment: no other thread may be making files.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn create(path: &Path, options: &Options) -> Result<Made, SocketError> {
        let at = |step| move |errno: Errno| failed(step, errno);
        let name = SocketAddrUnix::new(path).map_err(at(Step::Create))?;
        let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
        let fd = socket_with(AddressFamily::UNIX, kind, flags, None).map_err(at(Step::Create))?;
        let refused = size_buffers(&fd, options);
        under_umask(0o077, || bind(&fd, &name)).map_err(at(Step::Bind))?;
        let place = Place::made_at(path).map_err(|source| SocketError {
            step: Step::Bind,
            source,
        })?;
        let opened = open_to(&fd, &place, options).inspect_err(|_| {
            // The reason is reported; a file that cannot be removed either is in nobody's way.
            let _gone = place.remove();
        });
        opened.map(|()| Made {
            socket: GroupSocket {
                fd,
                place: Some(place),
            },
            refused,
        })
    }

    /// Gives a socket that [`GroupSocket::create`] made other options; connections that wait to be accepted stay.
    ///
    /// # Errors
    /// [`SocketError`]; the file is there still.
    pub fn change(&self, options: &Options) -> Result<Refused, SocketError> {
        if let Some(place) = &self.place {
            open_to(&self.fd, place, options)?;
        }
        Ok(size_buffers(&self.fd, options))
    }

    /// Whether the file that was made for it is still in its place: otherwise nobody can connect any more.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.place.as_ref().is_some_and(Place::is_ours)
    }

    /// Removes the file that was made for it, and never another one of that name.
    ///
    /// # Errors
    /// What the kernel says; a file that is gone is no error.
    pub fn remove_file(&self) -> io::Result<()> {
        self.place.as_ref().map_or(Ok(()), Place::remove)
    }

    /// Takes a listening, blocking socket.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        GroupSocket { fd, place: None }
    }

    /// Waits for a connection and accepts it. Of all threads that wait, in whatever process, the kernel wakes exactly
    /// the one that began to wait first.
    ///
    /// # Errors
    /// What the kernel says (no descriptors left, …); a connection that went away again is no error.
    pub fn accept(&self) -> io::Result<Stream> {
        loop {
            if let Some(stream) = self.accept_unless(|| false)? {
                return Ok(stream);
            }
        }
    }

    /// As [`GroupSocket::accept`], until `given_up` answers true: it is asked before each wait, and after each signal
    /// that interrupts one (see [`crate::nudge`]). `None` then.
    ///
    /// # Errors
    /// As [`GroupSocket::accept`].
    pub fn accept_unless(&self, given_up: impl Fn() -> bool) -> io::Result<Option<Stream>> {
        while !given_up() {
            match accept_with(&self.fd, SocketFlags::CLOEXEC) {
                Ok(fd) => return Ok(Some(Stream::from_fd(fd))),
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(None)
    }

    /// The same socket once more, without its file.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let fd = self.fd.try_clone()?;
        Ok(GroupSocket::from_fd(fd))
    }

    /// The descriptor itself.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for GroupSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether an accept failed for want of descriptors or memory: the connection waits still, and the next attempt may do.
#[must_use]
pub fn is_exhaustion(error: &io::Error) -> bool {
    const PASSING: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| PASSING.contains(&errno))
}

/// Removes a socket file that a former process left at `path`; whether there was one. Anything else stays, for the
/// binding to fail on.
///
/// # Errors
/// What the kernel says.
pub fn remove_stale(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map(|()| true),
        _ => Ok(false),
    }
}

fn size_buffers(fd: &OwnedFd, options: &Options) -> Refused {
    let send = options.send_buffer;
    let send = send.and_then(|size| sockopt::set_socket_send_buffer_size(fd, size).err());
    let receive = options.receive_buffer;
    let receive = receive.and_then(|size| sockopt::set_socket_recv_buffer_size(fd, size).err());
    Refused {
        send_buffer: send.map(io::Error::from),
        receive_buffer: receive.map(io::Error::from),
    }
}

fn open_to(fd: &OwnedFd, place: &Place, options: &Options) -> Result<(), SocketError> {
    listen(fd, options.backlog).map_err(|errno| failed(Step::Listen, errno))?;
    if options.owner.is_none() {
        return Ok(());
    }
    place
        .give_to(options.owner, None)
        .map_err(|source| SocketError {
            step: Step::Owner,
            source,
        })
}

fn failed(step: Step, errno: Errno) -> SocketError {
    SocketError {
        step,
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    const OPTIONS: Options = Options {
        backlog: 10,
        owner: None,
        send_buffer: None,
        receive_buffer: None,
    };

    #[test]
    fn a_private_file_that_threads_accept_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        assert!(!remove_stale(&path).expect("nothing there"));
        let made = GroupSocket::create(&path, &OPTIONS).expect("a new file");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700 & !0o077);
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let stream = made.socket.accept().expect("a client");
                stream.send(&[IoSlice::new(b"hi")], None).expect("room");
            });
            let client = Stream::connect(&path, None).expect("a listener");
            let mut buffer = [0; 8];
            assert_eq!(client.recv(&mut buffer).expect("an answer"), 2);
            server.join().expect("no panic");
        });
    }

    #[test]
    fn a_left_file_is_in_the_way_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        drop(GroupSocket::create(&path, &OPTIONS).expect("a new file"));
        let error = GroupSocket::create(&path, &OPTIONS).expect_err("the file is there");
        assert_eq!(error.step, Step::Bind);
        assert!(remove_stale(&path).expect("ours"));
        GroupSocket::create(&path, &OPTIONS).expect("the way is free");
        let plain = folder.path().join("plain");
        fs::write(&plain, "precious").expect("writable");
        assert!(!remove_stale(&plain).expect("not a socket"));
        assert!(plain.exists());
    }

    #[test]
    fn want_of_descriptors_passes_and_a_closed_socket_does_not() {
        let error = |number| io::Error::from_raw_os_error(number);
        for number in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS] {
            assert!(is_exhaustion(&error(number)));
        }
        for number in [libc::EBADF, libc::EINVAL, libc::EPERM] {
            assert!(!is_exhaustion(&error(number)));
        }
    }

    #[test]
    fn what_has_taken_the_place_of_the_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let made = GroupSocket::create(&path, &OPTIONS).expect("a new file");
        assert!(made.socket.is_reachable());
        fs::rename(&path, folder.path().join("aside")).expect("writable");
        fs::write(&path, "precious").expect("writable");
        assert!(!made.socket.is_reachable());
        let given = Options {
            owner: Some(rustix::process::geteuid().as_raw()),
            ..OPTIONS
        };
        let error = made.socket.change(&given).expect_err("not its file");
        assert_eq!(error.step, Step::Owner);
        made.socket.remove_file().expect("nothing to do");
        assert_eq!(fs::read(&path).expect("still there"), b"precious");
    }

    #[test]
    fn waiting_connections_outlive_a_change_of_options() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let made = GroupSocket::create(&path, &OPTIONS).expect("a new file");
        let client = Stream::connect(&path, None).expect("a listener");
        let other = Options {
            backlog: 1,
            send_buffer: Some(8192),
            ..OPTIONS
        };
        let refused = made.socket.change(&other).expect("its file");
        assert!(refused.send_buffer.is_none());
        let stream = made.socket.accept().expect("the one that waits");
        stream.send(&[IoSlice::new(b"hi")], None).expect("room");
        assert_eq!(client.recv(&mut [0; 8]).expect("an answer"), 2);
        made.socket.remove_file().expect("its file");
        assert!(!path.exists());
    }

    #[test]
    fn a_path_that_is_too_long_is_refused_and_nothing_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x".repeat(108));
        let error = GroupSocket::create(&path, &OPTIONS).expect_err("too long");
        assert_eq!(error.step, Step::Create);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
    }

    #[test]
    fn a_full_queue_ends_the_wait_of_a_client() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let options = Options {
            backlog: 0,
            ..OPTIONS
        };
        let _made = GroupSocket::create(&path, &options).expect("a new file");
        let timeout = Some(std::time::Duration::from_millis(1));
        let mut clients = Vec::new();
        let error = loop {
            match Stream::connect(&path, timeout) {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
