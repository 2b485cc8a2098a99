//! The end of a process that somebody else ends by `exit`, while it has threads that go on.
//!
//! `exit` runs what every library has registered for it, on the thread that calls it. Other threads run meanwhile, and crash
//! when what they use has been taken down: OpenSSL's tables, the objects of a library in C++.

use std::ffi::{c_int, c_void};
use std::fs;
use std::ptr;

/// When a process is not to run what is registered for `exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// When it has other threads by then. Buffers of C's streams are written.
    OtherThreads,
    /// In any case, and nothing is written: `exit` is called from inside of a signal handler.
    Always,
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Lets an `exit` that is about to come end the process with its status at this point: what was registered before is not
/// run. Whether that can be had; without it `exit` is what it always is.
///
/// It may be called from inside of a signal handler where `exit` may.
#[cfg(target_env = "gnu")]
pub fn shorten(shortcut: Shortcut) -> bool {
    let argument = match shortcut {
        Shortcut::OtherThreads => ptr::null_mut(),
        Shortcut::Always => ptr::without_provenance_mut(1),
    };
    // SAFETY: the function takes what `on_exit` passes, and stays where it is: libraries of this crate are not unloaded. The
    // argument is a number to it.
    unsafe { on_exit(end, argument) == 0 }
}

/// As above; this C library tells nobody the status.
#[cfg(not(target_env = "gnu"))]
pub fn shorten(_: Shortcut) -> bool {
    false
}

#[cfg(target_env = "gnu")]
extern "C" fn end(status: c_int, argument: *mut c_void) {
    if argument.is_null() {
        if !has_other_threads() {
            return;
        }
        // SAFETY: null stands for all streams, each of which is locked for it.
        unsafe { libc::fflush(ptr::null_mut()) };
    }
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(status) }
}

/// Also where the kernel does not tell.
fn has_other_threads() -> bool {
    fs::read_dir("/proc/self/task").map_or(true, |threads| threads.count() != 1)
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use std::io::{self, Write as _};
    use std::process::{Command, Output, exit};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::process::exit_now;

    const CASE: &str = "RICKHOUSE_TEST_EXIT";

    extern "C" fn destructor() {
        let _shown = io::stderr().write_all(b"destructor\n");
    }

    /// Not a test by itself: the process that the others look at.
    #[test]
    fn subject() {
        let Ok(case) = std::env::var(CASE) else {
            return;
        };
        // The program of tests has other threads, a fork of it has one.
        // SAFETY: no other test runs in this process, so that no lock stays behind that the child needs.
        let child = unsafe { libc::fork() };
        if child != 0 {
            let mut status = 0;
            // SAFETY: the child is ours, and the variable lives.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            exit_now(libc::WEXITSTATUS(status));
        }
        // SAFETY: the function takes nothing and does not unwind.
        assert_eq!(unsafe { libc::atexit(destructor) }, 0);
        if case.contains("thread") {
            thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
        }
        let shortcut = match case.contains("always") {
            true => Shortcut::Always,
            false => Shortcut::OtherThreads,
        };
        assert!(shorten(shortcut));
        exit(7);
    }

    fn run(case: &str) -> Output {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args(["--exact", "exit::tests::subject", "--nocapture"]);
        command.env(CASE, case).output().expect("it runs")
    }

    #[test]
    fn destructors_run_unless_there_are_threads() {
        for (case, runs) in [("plain", true), ("thread", false), ("always", false)] {
            let ended = run(case);
            let shown = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(7), "{case}: {shown}");
            assert_eq!(shown.contains("destructor"), runs, "{case}: {shown}");
        }
    }
}
