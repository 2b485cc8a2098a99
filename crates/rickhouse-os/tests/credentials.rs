//! Giving up root, on a process of its own: the change is for good and for all threads.
//!
//! Without the test harness, whose threads the child must not have. Run as root it proves the change, run as anybody
//! else it proves the refusal.

use std::process::{Command, ExitCode};

use rickhouse_os::credentials::Identity;
use rickhouse_os::error::OsError;
use rickhouse_os::process::is_root;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return become_another();
    }
    let me = std::env::current_exe().expect("a path");
    let status = Command::new(me).arg("child").status().expect("it runs");
    assert!(status.success(), "the child reported: {status}");
    println!("test credentials ... ok");
    ExitCode::SUCCESS
}

fn become_another() -> ExitCode {
    let identity = Identity::lookup(Some("65534"), Some("65533"))
        .expect("numbers need no account")
        .expect("given");
    let outcome = identity.assume();
    if is_root_before() {
        outcome.expect("root may become anybody");
        let status = std::fs::read_to_string("/proc/self/status").expect("readable");
        assert!(
            status.contains("Uid:\t65534\t65534\t65534\t65534"),
            "{status}"
        );
        assert!(
            status.contains("Gid:\t65533\t65533\t65533\t65533"),
            "{status}"
        );
        assert!(
            !status.contains("Groups:\t0"),
            "root's groups are gone: {status}"
        );
        assert!(!is_root());
    } else {
        assert!(
            matches!(outcome, Err(OsError::Credentials { .. })),
            "{outcome:?}"
        );
    }
    ExitCode::SUCCESS
}

/// Whether this process was started as root; its parent still is what it was.
fn is_root_before() -> bool {
    let status = std::fs::read_to_string(format!(
        "/proc/{}/status",
        rickhouse_os::process::parent_id()
    ));
    status.expect("readable").contains("Uid:\t0\t")
}
