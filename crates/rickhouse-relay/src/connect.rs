//! A connection to a daemon, and the patience to get one (DD §8.1.1).

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_os::stream::Stream;

use crate::failure::Failure;

/// Pause between attempts, and the one when those before add up to [`PATIENCE`].
const SHORT: Duration = Duration::from_millis(125);
const LONG: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// Connects. A full queue is waited for in the kernel, which lets us in as soon as there is a place; where nobody
/// listens (a group that is being replaced) attempts are repeated. Tells how many
/// there were.
pub(crate) fn connect(path: &Path, timeout: Duration) -> Result<(Stream, u32), Failure> {
    let mut attempts = 0;
    let mut patience = Patience::new(timeout);
    let start = Instant::now();
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        let stream = Stream::unconnected(Some(left)).map_err(Failure::Socket)?;
        attempts += 1;
        let error = match stream.connect_to(path) {
            Ok(()) => return Ok((stream, attempts)),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock => {}
            _ => return Err(Failure::Connect(error)),
        }
        match patience.pause(start.elapsed()) {
            Some(pause) => thread::sleep(pause),
            None => return Err(Failure::Backlog),
        }
    }
}

/// How long to wait between attempts, and when to give up.
struct Patience {
    timeout: Duration,
    paused: Duration,
}

impl Patience {
    fn new(timeout: Duration) -> Self {
        Patience {
            timeout,
            paused: Duration::ZERO,
        }
    }

    /// The next pause when attempts have gone on for `elapsed`; `None` when that is enough.
    fn pause(&mut self, elapsed: Duration) -> Option<Duration> {
        if elapsed >= self.timeout {
            return None;
        }
        let pause = if self.paused < PATIENCE { SHORT } else { LONG };
        self.paused += pause;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut patience = Patience::new(Duration::from_secs(4));
        let (mut elapsed, mut pauses) = (Duration::ZERO, Vec::new());
        while let Some(pause) = patience.pause(elapsed) {
            elapsed += pause;
            pauses.push(pause);
        }
        assert_eq!(pauses[..16], [SHORT; 16]);
        assert_eq!(pauses[16..], [LONG; 2]);
    }

    #[test]
    fn no_timeout_is_one_attempt() {
        assert_eq!(Patience::new(Duration::ZERO).pause(Duration::ZERO), None);
    }

    #[test]
    fn a_missing_socket_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = connect(&folder.path().join("s"), Duration::from_secs(3600));
        assert!(matches!(failure, Err(Failure::Connect(_))), "{failure:?}");
    }
}
