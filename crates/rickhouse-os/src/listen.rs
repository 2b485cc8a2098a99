//! Listening sockets: made by the supervisor, inherited by the workers.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, acceptfrom_with, bind, getsockname,
    listen, socket_with, sockopt,
};

use crate::socket::{Socket, internet_address};
use crate::socket_file::{self, Occupant};
use crate::tcp_holder;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// A host name or address, and a port (0 lets the system choose). A name with several addresses binds the first.
    Tcp {
        /// Name or address, without brackets; empty means every IPv4 address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A socket file.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Permission bits of the file; `None` leaves what the umask gives.
        mode: Option<u32>,
    },
}

impl std::fmt::Display for BindAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BindAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            BindAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
            BindAddress::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The host name has no address.
    #[error("{address}: the host name cannot be resolved")]
    Resolve {
        /// As configured.
        address: String,
        /// The resolver's answer.
        #[source]
        source: io::Error,
    },
    /// Somebody listens there already.
    #[error("{address}: address in use{}", .holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default())]
    InUse {
        /// As configured.
        address: String,
        /// Process name and id of who holds it, where `/proc` tells.
        holder: Option<String>,
    },
    /// Anything else (permission, no such interface, …).
    #[error("{address}: cannot listen")]
    Bind {
        /// As configured.
        address: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// An inherited descriptor is not a listening stream socket.
    #[error("descriptor is not a listening socket")]
    NotListening(#[source] io::Error),
}

/// A listening stream socket, non-blocking and close-on-exec.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    local: Option<SocketAddr>,
    path: Option<PathBuf>,
}

impl Listener {
    /// Binds and listens with room for `backlog` connections that nobody accepted yet.
    ///
    /// A socket file that nobody answers on is replaced. The file is not removed when the listener is dropped: workers
    /// share it, and its maker (see [`Listener::socket_file`]) removes it at the end.
    ///
    /// # Errors
    /// [`ListenError`]; an address in use names its holder where that can be found.
    pub fn bind(address: &BindAddress, backlog: i32) -> Result<Listener, ListenError> {
        let fd = match address {
            BindAddress::Tcp { host, port } => bind_tcp(address, host, *port)?,
            BindAddress::Unix { path, mode } => bind_unix(address, path, *mode)?,
        };
        listen(&fd, backlog).map_err(|errno| refused(address, errno, None))?;
        Listener::from_fd(fd)
    }

    /// Takes an inherited listening socket.
    ///
    /// # Errors
    /// [`ListenError::NotListening`].
    pub fn from_fd(fd: OwnedFd) -> Result<Listener, ListenError> {
        let not_listening = |errno: Errno| ListenError::NotListening(errno.into());
        if !sockopt::socket_acceptconn(&fd).map_err(not_listening)? {
            return Err(not_listening(Errno::INVAL));
        }
        rustix::io::ioctl_fionbio(&fd, true).map_err(not_listening)?;
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).map_err(not_listening)?;
        let name = getsockname(&fd).map_err(not_listening)?;
        let path = SocketAddrUnix::try_from(name.clone())
            .ok()
            .and_then(|unix| {
                unix.path()
                    .map(|path| PathBuf::from(path.to_string_lossy().into_owned()))
            });
        Ok(Listener {
            fd,
            local: internet_address(name),
            path,
        })
    }

    /// The address listened on; `None` for a socket file.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// The socket file listened on.
    #[must_use]
    pub fn socket_file(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Accepts one connection: its socket and, for TCP, the peer's address.
    ///
    /// # Errors
    /// `WouldBlock` when nobody waits; otherwise what the kernel says (no descriptors left, …).
    pub fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        loop {
            match acceptfrom_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((fd, peer)) => {
                    return Ok((
                        Socket::from_nonblocking(fd),
                        peer.and_then(internet_address),
                    ));
                }
                // The peer went away between its arrival and now; the next one may be fine.
                Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The descriptor itself, to hand to a worker.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.local, &self.path) {
            (Some(address), _) => write!(f, "http://{address}"),
            (None, Some(path)) => write!(f, "unix:{}", path.display()),
            (None, None) => f.write_str("an unnamed socket"),
        }
    }
}

fn bind_tcp(address: &BindAddress, host: &str, port: u16) -> Result<OwnedFd, ListenError> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let resolve = |source| ListenError::Resolve {
        address: address.to_string(),
        source,
    };
    let target = (host, port)
        .to_socket_addrs()
        .map_err(resolve)?
        .next()
        .ok_or_else(|| resolve(io::ErrorKind::NotFound.into()))?;
    let family = if target.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let made = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .and_then(|fd| {
        sockopt::set_socket_reuseaddr(&fd, true)?;
        bind(&fd, &target)?;
        Ok(fd)
    });
    made.map_err(|errno| refused(address, errno, Some(target)))
}

fn bind_unix(
    address: &BindAddress,
    path: &Path,
    mode: Option<u32>,
) -> Result<OwnedFd, ListenError> {
    let broken = |source| ListenError::Bind {
        address: address.to_string(),
        source,
    };
    if let Occupant::Listener(holder) = socket_file::clear(path).map_err(broken)? {
        return Err(ListenError::InUse {
            address: address.to_string(),
            holder,
        });
    }
    socket_file::bind_new(path, mode).map_err(|errno| refused(address, errno, None))
}

fn refused(address: &BindAddress, errno: Errno, target: Option<SocketAddr>) -> ListenError {
    let address = address.to_string();
    match errno {
        Errno::ADDRINUSE => ListenError::InUse {
            address,
            holder: target.and_then(tcp_holder::of),
        },
        errno => ListenError::Bind {
            address,
            source: errno.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn loopback() -> BindAddress {
        BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port: 0,
        }
    }

    #[test]
    fn an_address_in_use_names_its_holder() {
        let first = Listener::bind(&loopback(), 16).unwrap();
        let port = first.local_addr().unwrap().port();
        let taken = BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port,
        };
        let error = Listener::bind(&taken, 16).unwrap_err();
        let own = format!("(pid {})", std::process::id());
        assert!(
            matches!(&error, ListenError::InUse { holder: Some(who), .. } if who.ends_with(&own)),
            "{error}"
        );
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let folder = std::env::temp_dir().join(format!("rickhouse-listen-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let address = BindAddress::Unix {
            path: folder.join("s"),
            mode: Some(0o660),
        };
        let first = Listener::bind(&address, 16).unwrap();
        assert_eq!(first.socket_file(), Some(folder.join("s").as_path()));
        assert_eq!(
            fs::metadata(folder.join("s")).unwrap().permissions().mode() & 0o777,
            0o660
        );
        assert!(matches!(
            Listener::bind(&address, 16),
            Err(ListenError::InUse { .. })
        ));
        drop(first);
        Listener::bind(&address, 16).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_connected_socket_is_not_a_listener() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(matches!(
            Listener::from_fd(one.into()),
            Err(ListenError::NotListening(_))
        ));
    }
}
