//! Sockets opened by a service manager before we started: the `LISTEN_FDS` protocol of sd_listen_fds(3).

use std::env;
use std::os::fd::{OwnedFd, RawFd};

use crate::error::OsError;
use crate::inherit;

/// The variables of the protocol; a child must not take them for its own.
pub const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Number of the first descriptor passed (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// The sockets passed to this very process, in order; none when the variables are absent or meant for another process.
/// Works once: their owner is who asked first.
///
/// # Errors
/// [`OsError::Inherited`] when the variables promise a descriptor that is not open, or do not hold numbers.
pub fn sockets() -> Result<Vec<OwnedFd>, OsError> {
    let pid = env::var("LISTEN_PID").ok();
    let count = promised(pid, env::var("LISTEN_FDS").ok(), std::process::id())?.unwrap_or(0);
    (FIRST..FIRST + count).map(inherit::descriptor).collect()
}

/// How many descriptors the two variables promise to process `me`.
fn promised(pid: Option<String>, count: Option<String>, me: u32) -> Result<Option<RawFd>, OsError> {
    let (Some(pid), Some(count)) = (pid, count) else {
        return Ok(None);
    };
    let malformed = |what| OsError::Inherited {
        what,
        problem: "not a number of the LISTEN_FDS protocol",
    };
    if pid
        .parse::<u32>()
        .map_err(|_| malformed(format!("LISTEN_PID={pid}")))?
        != me
    {
        return Ok(None);
    }
    match count.parse::<RawFd>() {
        Ok(number) if (0..=1024).contains(&number) => Ok(Some(number)),
        _ => Err(malformed(format!("LISTEN_FDS={count}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pid: &str, count: &str) -> Result<Option<RawFd>, OsError> {
        promised(Some(pid.to_owned()), Some(count.to_owned()), 42)
    }

    #[test]
    fn only_a_promise_to_this_process_counts() {
        assert_eq!(check("42", "2").expect("well-formed"), Some(2));
        assert_eq!(check("41", "2").expect("well-formed"), None);
        assert_eq!(
            promised(None, Some("2".to_owned()), 42).expect("well-formed"),
            None
        );
    }

    #[test]
    fn nonsense_is_an_error_not_a_guess() {
        for (pid, count) in [("x", "1"), ("42", "x"), ("42", "-1"), ("42", "99999999")] {
            assert!(check(pid, count).is_err(), "{pid} {count}");
        }
    }
}
