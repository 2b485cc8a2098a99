//! Children on real processes: what they inherit, how they end, and with whom.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rickhouse_os::child::{ChildId, Deadly, Ending, reap, send};
use rickhouse_os::error::OsError;
use rickhouse_os::exec::Exec;

fn shell<'fd>(script: &str, descriptors: Vec<(String, BorrowedFd<'fd>)>) -> Exec<'fd> {
    Exec {
        program: "sh".into(),
        arguments: ["-c", script].map(OsString::from).to_vec(),
        forget: vec!["RICKHOUSE_TEST_SECRET".into()],
        environment: vec![("RICKHOUSE_TEST_GIFT".into(), "given".into())],
        descriptors,
    }
}

/// Waits for the end of a child; polls, because that is what `reap` is for.
fn ended(child: ChildId) -> Ending {
    loop {
        if let Some((_, ending)) = reap(&[child]).first() {
            return *ending;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_child_gets_the_named_descriptors_and_no_others() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let (secret, _other) = UnixStream::pair().expect("a pair");
    let script = format!(
        "echo got >&{}; test -e /proc/self/fd/{} && exit 7; exit 0",
        theirs.as_raw_fd(),
        secret.as_raw_fd()
    );
    let child = shell(&script, vec![("control".into(), theirs.as_fd())])
        .spawn()
        .expect("sh exists");
    assert_eq!(ended(child), Ending::Code(0));
    drop(theirs);
    let mut said = String::new();
    (&ours)
        .read_to_string(&mut said)
        .expect("text until the end");
    assert_eq!(said, "got\n");
}

#[test]
fn the_argument_names_every_descriptor() {
    let (one, two) = UnixStream::pair().expect("a pair");
    let named = vec![("a".to_owned(), one.as_fd()), ("b".to_owned(), two.as_fd())];
    assert_eq!(
        Exec::descriptor_argument(&named),
        format!("a={},b={}", one.as_raw_fd(), two.as_raw_fd())
    );
}

#[test]
fn endings_are_told_apart() {
    let child = shell("exit 3", vec![]).spawn().expect("sh exists");
    assert_eq!(ended(child), Ending::Code(3));
    let child = shell("while :; do sleep 1; done", vec![])
        .spawn()
        .expect("sh exists");
    assert_eq!(reap(&[child]), [], "it runs");
    send(child, Deadly::Kill).expect("it is ours");
    assert_eq!(ended(child), Ending::Signal(9));
    assert_eq!(Ending::Signal(9).to_string(), "signal 9 (SIGKILL)");
}

#[test]
fn a_child_does_not_outlive_its_parent() {
    // The death signal belongs to the thread that forked: its end stands for the parent's.
    let parent = thread::spawn(|| shell("exec sleep 1000", vec![]).spawn().expect("sh exists"));
    let child = parent.join().expect("no panic");
    assert_eq!(ended(child), Ending::Signal(15));
}

#[test]
fn a_missing_program_is_an_error_here_not_a_dead_child() {
    let exec = Exec {
        program: "/no/such/program".into(),
        ..shell("", vec![])
    };
    let error = exec.spawn().expect_err("it does not exist");
    assert!(matches!(error, OsError::Exec { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot start /no/such/program");
}

#[test]
fn a_child_gets_the_variables_it_is_given() {
    let child = shell("test \"$RICKHOUSE_TEST_GIFT\" = given", Vec::new()).spawn();
    assert_eq!(ended(child.expect("sh exists")), Ending::Code(0));
}

#[test]
fn a_stopped_child_is_aborted_all_the_same() {
    let child = shell("ulimit -c 0; kill -STOP $$; exit 0", Vec::new())
        .spawn()
        .expect("sh exists");
    let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).expect("not reaped yet");
    while !state().contains(") T ") {
        thread::sleep(Duration::from_millis(2));
    }
    send(child, Deadly::Abort).expect("ours");
    assert_eq!(ended(child), Ending::Signal(6));
}
