//! Signals of a real process. One test a file: handlers belong to the whole process.

use std::os::fd::AsFd;
use std::process::Command;

use rickhouse_os::poll::readable;
use rickhouse_os::signals::{Notice, Signals};

#[test]
fn signals_are_read_once_each_with_the_urgent_first() {
    let mut signals = Signals::take().expect("handlers can be installed");
    let script = format!(
        "for s in USR1 HUP USR1 TERM TTIN; do kill -$s {}; done",
        std::process::id()
    );
    let status = Command::new("sh")
        .args(["-c", &script])
        .status()
        .expect("sh exists");
    assert!(status.success());
    assert_eq!(
        readable(&[signals.as_fd()], None).expect("poll works"),
        [true]
    );
    let expected = [
        Notice::Terminate,
        Notice::HangUp,
        Notice::User1,
        Notice::TerminalIn,
        Notice::Child,
    ];
    assert_eq!(signals.pending(), expected);
    assert_eq!(signals.pending(), []);
}
