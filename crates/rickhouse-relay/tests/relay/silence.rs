//! How long is waited for whom.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rickhouse_relay::{Answer, Limits};
use rickhouse_wire::response;

use crate::support::{LIMITS, Stub, frame, head, script, with_body};

/// A limit, and what is a good deal longer than it.
const LIMIT: Duration = Duration::from_millis(400);
const LONGER: Duration = Duration::from_millis(700);

/// Sends a body slowly, in pieces that are never too far apart.
fn send_slowly(mut writer: UnixStream) {
    for _ in 0..7 {
        writer.write_all(b"x").expect("somebody reads");
        thread::sleep(LIMIT / 4);
    }
}

#[test]
fn a_long_upload_is_no_silence_of_the_daemon() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        assert_eq!(daemon.body(), (b"xxxxxxx".to_vec(), true));
        // The application does what it does with a whole body.
        thread::sleep(LIMIT / 4);
        daemon.send(&[head(200, &[]), response::end().to_vec()].concat());
    })]);
    let (mut client, writer) = with_body();
    let sender = thread::spawn(move || send_slowly(writer));
    let limits = Limits {
        daemon: LIMIT,
        ..LIMITS
    };
    let answer = client.relay_framed(&stub, &limits);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    sender.join().expect("no panic");
    stub.finish();
}

#[test]
fn a_client_is_waited_for_from_when_its_body_is_wanted() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        // The request was in the queue for longer than a client may be silent.
        thread::sleep(LONGER);
        daemon.send(&frame(response::write_continue));
        assert_eq!(daemon.body(), (b"late".to_vec(), true));
        daemon.send(&[head(200, &[]), response::end().to_vec()].concat());
    })]);
    let (mut client, mut writer) = with_body();
    let sender = thread::spawn(move || {
        thread::sleep(LONGER + LIMIT / 4);
        writer.write_all(b"late").expect("somebody reads");
    });
    let limits = Limits {
        client: LIMIT,
        ..LIMITS
    };
    let answer = client.relay_framed(&stub, &limits);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    sender.join().expect("no panic");
    stub.finish();
}
