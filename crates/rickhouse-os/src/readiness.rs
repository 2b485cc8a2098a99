//! Readiness of descriptors: one epoll set that many threads wait on, and a wake-up that belongs to it.
//!
//! Why not the `polling` crate: it re-arms a timer descriptor and its own notification descriptor around every wait (two
//! or three more system calls per wait), it has one-shot or level interest where we need edge-triggered interest that is
//! never re-armed (one `epoll_ctl` per connection instead of one per request), and it cannot ask for `EPOLLEXCLUSIVE`.
//! The surface here is small, so another platform is one more file of this shape.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::time::Timespec;

/// What a descriptor is watched for. All interests are edge-triggered: a change is reported once, to one waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes to read, and the peer's end of stream.
    Read,
    /// As [`Interest::Read`], and room to write. Changing to it reports at once when there is room already.
    ReadWrite,
    /// A listener shared with other processes: the kernel wakes one of the idle ones and not all.
    Accept,
}

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        use epoll::EventFlags as F;
        match self {
            Interest::Read => F::ET | F::IN | F::RDHUP,
            Interest::ReadWrite => F::ET | F::IN | F::RDHUP | F::OUT,
            Interest::Accept => F::ET | F::IN | F::EXCLUSIVE,
        }
    }
}

/// One reported change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number given with the descriptor.
    pub token: u64,
    /// Something to read (or an error that a read will name).
    pub readable: bool,
    /// Room to write (or an error that a write will name).
    pub writable: bool,
    /// The peer will send nothing more, or the connection is broken.
    pub peer_closed: bool,
}

/// Room for the events of one wait; kept by the waiting thread.
pub struct Events {
    raw: Box<[epoll::Event]>,
    count: usize,
}

impl Events {
    /// Room for at most `capacity` events (at least one).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Events {
        let none = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        Events {
            raw: vec![none; capacity.max(1)].into_boxed_slice(),
            count: 0,
        }
    }

    /// The events of the last wait.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        use epoll::EventFlags as F;
        self.raw[..self.count].iter().map(|event| {
            let flags = event.flags;
            let broken = flags.intersects(F::ERR | F::HUP);
            Event {
                token: event.data.u64(),
                readable: broken || flags.intersects(F::IN | F::RDHUP),
                writable: broken || flags.contains(F::OUT),
                peer_closed: broken || flags.contains(F::RDHUP),
            }
        })
    }

    /// Forgets the events of the last wait.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// How many changes the last wait reported.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the last wait reported nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An epoll set. Any number of threads may wait on it; a change wakes one of them.
#[derive(Debug)]
pub struct Readiness {
    epoll: OwnedFd,
}

impl Readiness {
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Readiness> {
        Ok(Readiness {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        })
    }

    /// Watches a descriptor; a condition that already holds is reported.
    ///
    /// # Errors
    /// When the kernel refuses (out of watches, or watched already).
    pub fn add(&self, source: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            source,
            epoll::EventData::new_u64(token),
            interest.flags(),
        )?)
    }

    /// Changes what a watched descriptor is watched for; a condition that already holds is reported again.
    ///
    /// # Errors
    /// When the descriptor is not watched.
    pub fn change(&self, source: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            source,
            epoll::EventData::new_u64(token),
            interest.flags(),
        )?)
    }

    /// Stops watching. Closing the last descriptor of a file does the same.
    ///
    /// # Errors
    /// When the descriptor is not watched.
    pub fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits for at most `limit` changes (and at most the room of `events`); `None` waits without end. A signal ends the
    /// wait early, without events.
    ///
    /// # Errors
    /// Only when the set itself is broken.
    pub fn wait(
        &self,
        events: &mut Events,
        limit: usize,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let timeout = timeout.map(|t| Timespec {
            tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(t.subsec_nanos()),
        });
        let room = limit.clamp(1, events.raw.len());
        events.count = match epoll::wait(&self.epoll, &mut events.raw[..room], timeout.as_ref()) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(errno) => {
                events.count = 0;
                return Err(errno.into());
            }
        };
        Ok(())
    }
}

/// Wakes one waiter of a [`Readiness`] set: an eventfd in edge mode, so that a wake-up is one write and no read.
#[derive(Debug)]
pub struct Wake {
    eventfd: OwnedFd,
}

impl Wake {
    /// Makes the wake-up and adds it to `set` under `token`.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(set: &Readiness, token: u64) -> io::Result<Wake> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        set.add(&eventfd, token, Interest::Read)?;
        Ok(Wake { eventfd })
    }

    /// Wakes one thread that waits, or the next one that will.
    pub fn wake(&self) {
        // The counter would need 2^64 - 1 wake-ups to be full; then a wake-up is pending anyway.
        let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_change_is_reported_once_and_wakes_are_not_lost() {
        let set = Readiness::new().unwrap();
        let wake = Wake::new(&set, 7).unwrap();
        let (near, mut far) = UnixStream::pair().unwrap();
        set.add(&near, 1, Interest::Read).unwrap();
        let mut events = Events::with_capacity(8);
        let seen = |events: &mut Events| {
            set.wait(events, 8, Some(Duration::ZERO)).unwrap();
            let mut tokens: Vec<u64> = events.iter().map(|e| e.token).collect();
            tokens.sort_unstable();
            tokens
        };
        assert_eq!(seen(&mut events), [] as [u64; 0]);
        far.write_all(b"x").unwrap();
        wake.wake();
        assert_eq!(seen(&mut events), [1, 7]);
        assert_eq!(seen(&mut events), [] as [u64; 0]);
        wake.wake();
        assert_eq!(seen(&mut events), [7]);
        drop(far);
        set.wait(&mut events, 8, Some(Duration::ZERO)).unwrap();
        assert!(
            events
                .iter()
                .all(|e| e.token == 1 && e.peer_closed && e.readable)
        );
    }
}
