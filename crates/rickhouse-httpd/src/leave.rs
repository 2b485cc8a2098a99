//! What a forked process lets go of: means of httpd's parent and its children that nobody else may use.
//!
//! A daemon may belong to another user than httpd's children. Whoever has the MPM's pipe of death ends children by writing a
//! byte; whoever writes to the scoreboard chooses what the parent, which may be root, finds there.

use std::ffi::c_void;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::process::{Forked, log_descriptor};

impl Forked<'_> {
    /// Closes every pipe of which the parent had both ends: the MPM's pipes of death, and those to programs that other logs
    /// than error logs go to. Standard descriptors and error logs stay, whatever they are.
    ///
    /// Who forks has no such pipe of its own.
    ///
    /// # Errors
    /// When the open descriptors cannot be listed.
    pub fn close_parents_pipes(&self) -> io::Result<()> {
        let logs = self.generation().server().and_following();
        let logs = logs.filter_map(|server| log_descriptor(server.record().error_log));
        let kept: Vec<_> = (0..=libc::STDERR_FILENO).chain(logs).collect();
        for descriptor in whole_pipes(&kept)? {
            // SAFETY: it is open. Its owner is a file of APR in the configuration's pool, which this process never clears
            // and nobody in it uses, for it is neither a log nor a standard descriptor.
            unsafe { libc::close(descriptor) };
        }
        Ok(())
    }

    /// Puts empty memory of this process's own in the place of the scoreboard that it shares with httpd's processes.
    ///
    /// # Errors
    /// When the kernel does not tell where it is, or refuses. It is shared then.
    pub fn leave_scoreboard(&self) -> io::Result<()> {
        // SAFETY: a function without arguments.
        if unsafe { sys::ap_exists_scoreboard_image() } == 0 {
            return Ok(());
        }
        // SAFETY: as above.
        let within = unsafe { sys::ap_get_scoreboard_global() }.addr();
        // Without the kernel's word it might be a part of something larger.
        let Some(shared) = shared_memory(&fs::read_to_string("/proc/self/maps")?, within) else {
            return Ok(());
        };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        let place: *mut c_void = ptr::with_exposed_provenance_mut(shared.start);
        // SAFETY: the range is one whole mapping, made for the scoreboard. What httpd points to it with stays valid, since
        // the new memory has the same place and access, and zeros are a value of everything in it (numbers, no pointers).
        // No reference into it is alive: this process has one thread, which is here.
        let mapped = unsafe { libc::mmap(place, shared.len(), access, flags, -1, 0) };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

/// The open descriptors of pipes that this process could both read and write, but for those of the same pipe as `kept` ones.
fn whole_pipes(kept: &[RawFd]) -> io::Result<Vec<RawFd>> {
    let mut pipes = Vec::new();
    for entry in fs::read_dir("/dev/fd")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        pipes.extend(number.and_then(Pipe::of));
    }
    let has = |pipe: &Pipe, mode| {
        pipes
            .iter()
            .any(|end| end.id == pipe.id && end.mode == mode)
    };
    let stays = |pipe: &Pipe| {
        let mut ends = pipes.iter().filter(|end| end.id == pipe.id);
        ends.any(|end| kept.contains(&end.descriptor))
    };
    let whole = pipes
        .iter()
        .filter(|pipe| has(pipe, libc::O_RDONLY) && has(pipe, libc::O_WRONLY) && !stays(pipe));
    Ok(whole.map(|pipe| pipe.descriptor).collect())
}

/// A descriptor of a pipe.
struct Pipe {
    descriptor: RawFd,
    /// Device and inode.
    id: (u64, u64),
    /// `O_RDONLY` or `O_WRONLY`.
    mode: i32,
}

impl Pipe {
    fn of(descriptor: RawFd) -> Option<Self> {
        let found = fs::metadata(format!("/dev/fd/{descriptor}")).ok()?;
        // SAFETY: takes a number, and answers an error for one that is not open.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
        (found.file_type().is_fifo() && flags >= 0).then(|| Self {
            descriptor,
            id: (found.dev(), found.ino()),
            mode: flags & libc::O_ACCMODE,
        })
    }
}

/// Where the mapping is that has this address, if it is one that processes share. `maps` is `/proc/self/maps`.
fn shared_memory(maps: &str, within: usize) -> Option<Range<usize>> {
    maps.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (start, end) = words.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let range = number(start)?..number(end)?;
        let shared = words.next()?.ends_with('s');
        (shared && range.contains(&within)).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn pipes_with_both_ends_here_are_found() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let found = whole_pipes(&[]).expect("a list");
        assert!(found.contains(&reader.as_raw_fd()) && found.contains(&writer.as_raw_fd()));
        for kept in [reader.as_raw_fd(), writer.as_raw_fd()] {
            let found = whole_pipes(&[kept]).expect("a list");
            assert!(!found.contains(&reader.as_raw_fd()) && !found.contains(&writer.as_raw_fd()));
        }
        drop(reader);
        let found = whole_pipes(&[]).expect("a list");
        assert!(!found.contains(&writer.as_raw_fd()), "half a pipe");
    }

    #[test]
    fn other_descriptors_are_no_pipes() {
        let file = fs::File::open("/dev/null").expect("it exists");
        let (socket, _other) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let found = whole_pipes(&[]).expect("a list");
        assert!(!found.contains(&file.as_raw_fd()) && !found.contains(&socket.as_raw_fd()));
    }

    #[test]
    fn shared_memory_is_told_from_other_memory() {
        let maps = "1000-3000 rw-p 00000000 00:00 0 \n\
                    3000-8000 rw-s 00000000 00:01 1234 /run/score board (deleted)\n\
                    8000-9000 rw-s 00000000 00:01 1235 /dev/zero (deleted)\n";
        assert_eq!(shared_memory(maps, 0x3008), Some(0x3000..0x8000));
        assert_eq!(shared_memory(maps, 0x8000), Some(0x8000..0x9000));
        assert_eq!(shared_memory(maps, 0x1000), None);
        assert_eq!(shared_memory(maps, 0x9000), None);
        assert_eq!(shared_memory("rubbish", 0x9000), None);
    }
}
