//! Facts about this process, its end, and other processes by number.

use std::fs;

use rustix::process::{
    DumpableBehavior, Pid, Signal, set_dumpable_behavior, set_parent_process_death_signal,
    setpriority_process, test_kill_process,
};

use crate::error::OsError;

/// Ends the process at once: no destructor, no `atexit` handler of C, no finalisation of Python runs.
///
/// Whoever calls it has flushed what must not be lost. Never returns.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes any integer, may be called from any thread at any time, and does not return.
    unsafe { libc::_exit(code) }
}

/// Writes out what the streams of C (`FILE`) hold, which [`exit_now`] would lose: what extension modules have printed.
///
/// Waits for a thread that is inside of such a stream.
pub fn flush_streams() {
    // SAFETY: without a stream it is all of them that are flushed, each under its own lock.
    let _unwritable = unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// The process that started this one; 0 when it lives in another pid namespace.
#[must_use]
pub fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Whether a process with this number exists (and is not ours to tell apart from a recycled one).
#[must_use]
pub fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // EPERM also means that it is there.
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Resident memory of a process in bytes, `None` where `/proc` does not tell.
#[must_use]
pub fn resident_memory(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

/// A process for a human: its name, where `/proc` tells, and its number.
#[must_use]
pub fn describe(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{} (pid {pid})", name.trim()),
        Err(_) => format!("(pid {pid})"),
    }
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the calling thread is the only one of this process; `false` where nothing tells.
///
/// The kernel is asked, since a chroot has no `/proc`. Where it may not be asked (seccomp), `/proc` counts.
#[must_use]
pub fn is_single_threaded() -> bool {
    // SAFETY: unshare with CLONE_THREAD alone changes nothing: it fails in a process with other threads and otherwise does
    // nothing at all.
    let alone = unsafe { libc::unshare(libc::CLONE_THREAD) } == 0;
    alone || fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// Sets the scheduling priority ("nice" value) of this process; beyond -20 and 19 it is cut.
///
/// # Errors
/// [`OsError::Call`]: only root may have a higher priority (a lower number).
pub fn set_priority(priority: i32) -> Result<(), OsError> {
    setpriority_process(None, priority).map_err(|errno| OsError::call("setpriority", errno))
}

/// Allows a memory dump again, which the kernel forbids when a process changes its user.
///
/// # Errors
/// [`OsError::Call`].
pub fn allow_core_dump() -> Result<(), OsError> {
    set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(|errno| OsError::call("prctl(PR_SET_DUMPABLE)", errno))
}

/// Asks for `SIGTERM` when the thread that forked this process ends. A change of user undoes it, so ask afterwards.
///
/// `Ok(false)` when `parent`, the process that forked, is gone already.
///
/// # Errors
/// [`OsError::Call`].
pub fn end_with_parent(parent: u32) -> Result<bool, OsError> {
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|errno| OsError::call("prctl(PR_SET_PDEATHSIG)", errno))?;
    // It may have died between the fork and the request.
    Ok(parent_id() == parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_exists_and_uses_memory() {
        let me = std::process::id();
        assert!(exists(me));
        assert!(resident_memory(me).is_some_and(|bytes| bytes > 100_000));
    }

    #[test]
    fn impossible_processes_do_not_exist() {
        assert!(!exists(0));
        assert!(!exists(u32::MAX));
        assert_eq!(resident_memory(u32::MAX), None);
    }
}
