//! What a process does before it becomes a daemon when the one before it failed: it waits, in the place of its parent, which
//! has other processes to look after.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_os::group_socket::GroupSocket;
use rickhouse_os::stream::Stream;
use rickhouse_os::{nudge, poll};
use rickhouse_wire::response;

/// A wait before the process does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How long.
    pub length: Duration,
    /// Requests that come meanwhile are answered 503: no process of the group was up when this one was forked. Otherwise
    /// they wait, or a sibling takes them.
    pub refusing: bool,
    /// The last process failed to become what it should be: this one waits as what it was forked as, before it tries. All
    /// others wait as the user that they serve as.
    pub before_setup: bool,
}

/// Waits, and refuses meanwhile what it shall refuse. Signals end the process as if it did nothing.
pub(crate) fn take(rest: Rest, listener: &OwnedFd) {
    let end = Instant::now() + rest.length;
    if rest.refusing {
        refuse_until(end, listener);
    }
    thread::sleep(end.saturating_duration_since(Instant::now()));
}

/// How much longer than it should a rest may last.
const TICK: Duration = Duration::from_millis(100);

fn refuse_until(end: Instant, listener: &OwnedFd) {
    let Ok(listener) = listener.try_clone() else {
        return;
    };
    let listener = GroupSocket::from_fd(listener);
    // A connection that is there when one looks may be a sibling's a moment later, and the socket has to stay blocking
    // for all of them: the wait in `accept4` itself has to end.
    if let Ok(_ticks) = nudge::every(TICK) {
        while let Ok(Some(stream)) = listener.accept_unless(|| Instant::now() >= end) {
            refuse(&stream);
        }
    }
}

/// Answers one request by 503, without having read it.
fn refuse(stream: &Stream) {
    let mut frame = Vec::new();
    response::write_fail(&mut frame, 503);
    // What cannot be sent at once to a new connection cannot be sent at all.
    let _sent = stream.send_now(&[IoSlice::new(&frame)], None);
    stream.shutdown_write();
    drain(stream, Instant::now() + Duration::from_secs(1));
}

/// Reads what the child sends until it has had its answer: closing before that would take the answer away.
fn drain(stream: &Stream, end: Instant) {
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match poll::readable(&[stream.as_fd()], Some(left)) {
            // Also when a tick ended the wait.
            Ok(ready) if !ready[0] => {}
            Ok(_) if matches!(stream.recv_now(&mut buffer), Ok(1..)) => {}
            _ => return,
        }
    }
}
