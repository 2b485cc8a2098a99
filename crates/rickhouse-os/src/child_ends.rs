//! How children end, for a process whose own library reaps them and tells a bare number: the exit status or the signal.
//!
//! The kernel tells both with `SIGCHLD`, and otherwise to whoever reaps the child only. Of several children that end at the same moment it may tell about one only:
//! [`take`] then knows nothing of the others.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::signals::set_disposition;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// As many ends as are remembered: far more than come between a child's end and its reaping.
const PLACES: usize = 64;

/// Process number, then 1 for a signal, then status or signal; 0 in an empty place.
static ENDS: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Takes note of the ends of children from now on, until [`ignore`]. Whether it does: where `SIGCHLD` has a handler already,
/// that is left alone.
///
/// Calls that wait are interrupted when a child ends, and go on by themselves where the kernel does that (`SA_RESTART`),
/// which is not so for those that only wait, `select` and `nanosleep`.
///
/// # Errors
/// When the kernel refuses.
pub fn watch() -> io::Result<bool> {
    let current = current()?;
    if is_ours(&current) {
        return Ok(true);
    }
    if current.sa_sigaction != libc::SIG_DFL {
        return Ok(false);
    }
    let mut action = current;
    action.sa_sigaction = handler();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_NOCLDSTOP;
    // SAFETY: the action is a valid one; its handler touches atomics only, which is async-signal-safe, takes the three
    // arguments that SA_SIGINFO promises, and stays where it is: libraries of this crate are not unloaded.
    let status = unsafe { libc::sigaction(libc::SIGCHLD, &raw const action, ptr::null_mut()) };
    if status == 0 {
        Ok(true)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Ends what [`watch`] began: the ends of children interrupt nothing any more. What is known stays known. A handler of
/// somebody else's is left alone.
///
/// # Errors
/// When the kernel refuses.
pub fn ignore() -> io::Result<()> {
    if is_ours(&current()?) {
        set_disposition(libc::SIGCHLD, libc::SIG_DFL)?;
    }
    Ok(())
}

/// How the child with this number ended, if that was told; once.
pub fn take(pid: u32) -> Option<End> {
    ENDS.iter().find_map(|place| {
        let end = place.load(Ordering::Relaxed);
        let is_it = end != 0 && end >> 32 == u64::from(pid);
        let taken = is_it
            && place
                .compare_exchange(end, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        taken.then(|| decode(end))
    })
}

fn handler() -> libc::sighandler_t {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_child;
    handler as *const () as libc::sighandler_t
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler()
}

fn current() -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: the place is valid for writing.
    let status = unsafe { libc::sigaction(libc::SIGCHLD, ptr::null(), action.as_mut_ptr()) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has filled it.
    Ok(unsafe { action.assume_init() })
}

extern "C" fn on_child(_: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: SA_SIGINFO: the kernel passes valid information, for the time of this call.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return;
    };
    let signalled = match info.si_code {
        libc::CLD_EXITED => false,
        libc::CLD_KILLED | libc::CLD_DUMPED => true,
        _ => return,
    };
    // SAFETY: for these codes the fields of a SIGCHLD are there.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    let place = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
    ENDS[place].store(encode(pid, signalled, status), Ordering::Relaxed);
}

/// Process numbers are positive, statuses and signals below 256.
fn encode(pid: i32, signalled: bool, status: i32) -> u64 {
    u64::from(pid.unsigned_abs()) << 32 | u64::from(signalled) << 8 | u64::from(status as u8)
}

fn decode(end: u64) -> End {
    let number = (end & 0xff) as i32;
    if end >> 8 & 1 == 1 {
        End::Signal(number)
    } else {
        End::Status(number)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn statuses_and_signals_are_told_apart() {
        assert!(
            watch().expect("a kernel"),
            "nothing else handles SIGCHLD here"
        );
        assert!(watch().expect("a kernel"), "twice is once");
        for (script, expected) in [
            ("exit 3", End::Status(3)),
            // Not one that whoever started the tests may have set to be ignored.
            ("kill -6 $$", End::Signal(6)),
            ("exit 0", End::Status(0)),
            ("kill -9 $$", End::Signal(9)),
            ("exit 255", End::Status(255)),
        ] {
            let mut child = Command::new("sh")
                .args(["-c", script])
                .spawn()
                .expect("a shell");
            let pid = child.id();
            child.wait().expect("it ends");
            assert_eq!(take(pid), Some(expected), "{script}");
            assert_eq!(take(pid), None, "once");
        }
        ignore().expect("a kernel");
        let mut child = Command::new("true").spawn().expect("a program");
        let pid = child.id();
        child.wait().expect("it ends");
        assert_eq!(take(pid), None, "nobody is told");
    }
}
