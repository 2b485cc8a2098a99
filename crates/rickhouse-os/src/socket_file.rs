//! The file of a Unix socket: making it, giving it away, and removing it if it is still ours.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, chownat, fstat, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with, sockopt,
};
use rustix::process::{Gid, Uid, umask};

use crate::credentials::Identity;
use crate::process;

/// A socket file that this process made, by its name and by what it is: whatever takes its name later is left alone.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Place {
    /// The socket file at `path`, which this process has just bound.
    pub(crate) fn made_at(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        if !found.file_type().is_socket() {
            return Err(replaced());
        }
        Ok(Self {
            path: path.to_owned(),
            identity: (found.dev(), found.ino()),
        })
    }

    /// Gives the file to a user and a group, where given.
    pub(crate) fn give_to(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        let file = open(
            &self.path,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let found = fstat(&file)?;
        if (found.st_dev, found.st_ino) != self.identity {
            return Err(replaced());
        }
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        Ok(chownat(&file, "", user, group, AtFlags::EMPTY_PATH)?)
    }

    /// Whether the name still leads to the file.
    pub(crate) fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// Removes the file, unless that has happened already.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        match fs::remove_file(&self.path) {
            // Somebody else removed it at this moment: what was wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

/// A socket file that this process made; removed on drop, unless somebody has put another one in its place.
#[derive(Debug)]
pub struct SocketFile(Place);

impl SocketFile {
    /// The socket file at `path`, which this process has just bound.
    ///
    /// # Errors
    /// When it is gone, or is no socket.
    pub fn made_at(path: &Path) -> io::Result<Self> {
        Place::made_at(path).map(SocketFile)
    }

    /// Gives the file to `owner`, and never anything else that has taken its name.
    ///
    /// # Errors
    /// What the kernel says; root may.
    pub fn give_to(&self, owner: &Identity) -> io::Result<()> {
        self.0.give_to(Some(owner.uid()), Some(owner.gid()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It stays behind at worst, and nobody listens on it.
        let _stays = self.0.remove();
    }
}

fn replaced() -> io::Error {
    io::Error::other("somebody has put something else in the place of the socket file")
}

/// Who is in the way of a new socket file.
pub(crate) enum Occupant {
    /// Nobody, or a file that nobody listens on any more, which has been removed.
    Nobody,
    /// A listener, by its name and process id where the kernel tells.
    Listener(Option<String>),
}

/// Removes a socket file that nobody listens on. What is not a socket is left for `bind` to fail on.
pub(crate) fn clear(path: &Path) -> io::Result<Occupant> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok(Occupant::Nobody);
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Ok(()) => Ok(Occupant::Listener(
            sockopt::socket_peercred(&probe)
                .ok()
                .map(|peer| process::describe(peer.pid.as_raw_nonzero().get().unsigned_abs())),
        )),
        Err(Errno::NOENT) => Ok(Occupant::Nobody),
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map(|()| Occupant::Nobody),
        // A full backlog (EAGAIN), a socket that is not for us (EACCES) or not for streams: somebody is there.
        Err(_) => Ok(Occupant::Listener(None)),
    }
}

/// Binds a socket to a new file with exactly the permissions `mode`, or those of the umask.
///
/// The umask is changed for the moment, as any change after `bind` could hit another file: no thread may make files then.
pub(crate) fn bind_new(path: &Path, mode: Option<u32>) -> Result<OwnedFd, Errno> {
    let name = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match mode {
        Some(mode) => under_umask(!mode & 0o777, || bind(&fd, &name)),
        None => bind(&fd, &name),
    }?;
    Ok(fd)
}

/// Does something under another umask. Two that do so at the same time would end with the wrong one.
pub(crate) fn under_umask<R>(mask: u32, work: impl FnOnce() -> R) -> R {
    static CHANGING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let before = umask(Mode::from_bits_truncate(mask));
    let result = work();
    umask(before);
    result
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn another_file_of_the_same_name_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let _first = bind_new(&path, None).expect("a socket");
        let ours = SocketFile::made_at(&path).expect("there");
        fs::rename(&path, folder.path().join("aside")).expect("writable");
        let _second = UnixListener::bind(&path).expect("a socket");
        let owner = Identity::lookup(Some("0"), Some("0"))
            .expect("numbers")
            .expect("asked for");
        assert!(ours.give_to(&owner).is_err());
        drop(ours);
        assert!(path.exists());
        drop(SocketFile::made_at(&path).expect("there"));
        assert!(!path.exists());
    }

    #[test]
    fn a_listener_with_a_full_backlog_is_alive() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let listener = bind_new(&path, Some(0o600)).expect("a socket");
        rustix::net::listen(&listener, 0).expect("a listener");
        let own = format!("(pid {})", std::process::id());
        let first = clear(&path).expect("readable");
        assert!(matches!(first, Occupant::Listener(Some(who)) if who.ends_with(&own)));
        // Nobody accepts: the queue is full after one or two.
        let fill = |_| {
            let client = socket_with(
                AddressFamily::UNIX,
                SocketType::STREAM,
                SocketFlags::NONBLOCK,
                None,
            )
            .expect("a socket");
            connect(&client, &SocketAddrUnix::new(&path).expect("short"))
                .map(|()| UnixStream::from(client))
        };
        let _waiting: Vec<_> = (0..100).map(fill).take_while(Result::is_ok).collect();
        assert!(matches!(
            clear(&path).expect("readable"),
            Occupant::Listener(None)
        ));
    }
}
