//! How requests reach a daemon.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rickhouse_relay::{Answer, Failure, Limits, Outgoing};
use rickhouse_wire::{Body, RequestFrame, response};

use crate::support::{
    LIMITS, Recorder, Stub, data, frame, framed, head, plain, request, script, with_body,
};

#[test]
fn which_bodies_ride_along() {
    let decide = Outgoing::body;
    assert_eq!(decide(Some(0), false), Body::None);
    assert_eq!(decide(Some(131_072), false), Body::Attached(131_072));
    assert_eq!(decide(Some(131_073), false), Body::Framed(Some(131_073)));
    assert_eq!(decide(Some(1), true), Body::Framed(Some(1)));
    assert_eq!(decide(Some(u64::MAX), false), Body::Framed(Some(u64::MAX)));
    assert_eq!(decide(None, false), Body::Framed(None));
}

#[test]
fn a_small_body_is_sent_again_after_a_rejection() {
    let rejects = || {
        script(|daemon| {
            daemon.request();
            assert_eq!(daemon.read_exact(5), b"small");
            daemon.send(&frame(response::write_rejected));
        })
    };
    let answers = script(|daemon| {
        let request = daemon.request();
        let request = RequestFrame::parse(&request).expect("a frame");
        assert_eq!(request.head.body, Body::Attached(5));
        assert_eq!((request.head.connects, request.head.restarts), (3, 2));
        assert_eq!(daemon.read_exact(5), b"small");
        daemon.send(&[head(200, &[]), response::end().to_vec()].concat());
    });
    let stub = Stub::new([rejects(), rejects(), answers]);
    let mut client = Recorder::default();
    let mut outgoing = Outgoing {
        frame: &mut request(Body::Attached(5)),
        attached: b"small",
        framed: false,
        head_only: false,
    };
    let answer = client.relay(&stub, &mut outgoing, &LIMITS);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(client.notes, ["Reconnecting(1)", "Reconnecting(2)"]);
    stub.finish();
}

#[test]
fn rejections_end() {
    let rejects = || {
        script(|daemon| {
            daemon.request();
            daemon.send(&frame(response::write_rejected));
        })
    };
    let stub = Stub::new([rejects(), rejects(), rejects()]);
    let answer = Recorder::default().relay(&stub, &mut plain(&mut request(Body::None)), &LIMITS);
    assert!(matches!(answer, Err(Failure::Rejected(3))), "{answer:?}");
    stub.finish();
}

#[test]
fn a_framed_body_waits_until_it_is_wanted_and_arrives_whole() {
    for blind in [false, true] {
        let body: Vec<u8> = (0..300_000).map(|at: u32| (at % 251) as u8).collect();
        let rejects = script(|daemon| {
            daemon.request();
            daemon.send(&frame(response::write_rejected));
        });
        let echoes = script(|daemon| {
            daemon.request();
            daemon.send(&frame(response::write_continue));
            let (body, whole) = daemon.body();
            assert!(whole);
            daemon.send(&[head(200, &[]), data(&body), response::end().to_vec()].concat());
        });
        let stub = Stub::new([rejects, echoes]);
        let (mut client, mut writer) = with_body();
        client.blind = blind;
        let sent = body.clone();
        let sender = thread::spawn(move || writer.write_all(&sent));
        let answer = client.relay_framed(&stub, &LIMITS);
        assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
        assert!(!client.left_body);
        assert!(client.body == body);
        sender.join().expect("no panic").expect("read to the end");
        stub.finish();
    }
}

#[test]
fn a_response_that_comes_first_does_not_block_the_request() {
    // Row 30: both are larger than all buffers between the two.
    const SIZE: usize = 4 << 20;
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        daemon.send(&head(200, &[]));
        daemon.send(&data(&vec![b'r'; SIZE]));
        let (body, whole) = daemon.body();
        assert_eq!((body.len(), whole), (SIZE, true));
        daemon.send(&response::end());
    })]);
    let (mut client, mut writer) = with_body();
    let sender = thread::spawn(move || writer.write_all(&vec![b'q'; SIZE]));
    let answer = client.relay_framed(&stub, &LIMITS);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(client.body.len(), SIZE);
    sender.join().expect("no panic").expect("read to the end");
    stub.finish();
}

#[test]
fn answers_are_passed_on_while_the_client_pauses() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&[frame(response::write_continue), head(200, &[])].concat());
        for _ in 0..3 {
            let piece = daemon.read_exact(8 + 4)[8..].to_vec();
            daemon.send(&data(&piece));
        }
        assert_eq!(daemon.body(), (Vec::new(), true));
        daemon.send(&response::end());
    })]);
    let (mut client, mut writer) = with_body();
    writer.write_all(b"ping").expect("room");
    let mut rounds = 1;
    let mut writer = Some(writer);
    client.watch = Some(Box::new(move |body| {
        // The next piece of the body comes when the last one has been answered.
        if body.len() == 4 * rounds {
            rounds += 1;
            match &mut writer {
                Some(writer) if rounds <= 3 => writer.write_all(b"pong").expect("room"),
                _ => writer = None,
            }
        }
    }));
    let answer = client.relay_framed(&stub, &LIMITS);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(client.body, b"pingpongpong");
    stub.finish();
}

#[test]
fn a_client_that_sends_all_the_time_is_given_its_response_meanwhile() {
    const MOST: usize = 64 << 20;
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&[frame(response::write_continue), head(200, &[])].concat());
        daemon.send(&data(b"early"));
        assert!(daemon.body().1);
        daemon.send(&response::end());
    })]);
    let (mut client, mut writer) = with_body();
    let flushed = Arc::clone(&client.flushed);
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while sent < MOST && !flushed.load(SeqCst) {
            writer.write_all(&[b'q'; 4096]).expect("read to the end");
            sent += 4096;
        }
        sent
    });
    let limits = Limits {
        flush_delay: Duration::from_millis(5),
        ..LIMITS
    };
    let answer = client.relay_framed(&stub, &limits);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    let sent = sender.join().expect("no panic");
    assert!(sent < MOST, "nothing left before all of the body was here");
    stub.finish();
}

#[test]
fn a_body_that_fails_is_seen_to_be_incomplete() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        assert_eq!(daemon.body(), (Vec::new(), false));
    })]);
    let mut client = Recorder {
        body_error: Some(io::ErrorKind::TimedOut.into()),
        ..Recorder::default()
    };
    let answer = client.relay(
        &stub,
        &mut framed(&mut request(Body::Framed(Some(9)))),
        &LIMITS,
    );
    assert!(
        matches!(&answer, Err(Failure::Body(error)) if error.kind() == io::ErrorKind::TimedOut),
        "{answer:?}"
    );
    stub.finish();
}

#[test]
fn a_client_that_falls_silent_is_given_up() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        assert_eq!(daemon.body(), (b"some".to_vec(), false));
    })]);
    let (mut client, mut writer) = with_body();
    writer.write_all(b"some").expect("room");
    let limits = Limits {
        client: Duration::from_millis(1),
        ..LIMITS
    };
    let answer = client.relay(
        &stub,
        &mut framed(&mut request(Body::Framed(Some(9)))),
        &limits,
    );
    assert!(
        matches!(&answer, Err(Failure::Body(error)) if error.kind() == io::ErrorKind::TimedOut),
        "{answer:?}"
    );
    stub.finish();
}

#[test]
fn a_body_that_nobody_wants_stays_with_the_client() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&[head(413, &[]), response::end().to_vec()].concat());
    })]);
    let (mut client, mut writer) = with_body();
    writer.write_all(b"kept").expect("room");
    drop(writer);
    let answer = client.relay(
        &stub,
        &mut framed(&mut request(Body::Framed(Some(4)))),
        &LIMITS,
    );
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert!(client.left_body && client.ended);
    assert_eq!(client.flushes, 1, "the response waits for nobody");
    let mut kept = String::new();
    let mut source = client.source.expect("still there");
    source.set_nonblocking(false).expect("a socket");
    source.read_to_string(&mut kept).expect("readable");
    assert_eq!(kept, "kept");
    stub.finish();
}

#[test]
fn a_daemon_that_stops_reading_may_still_answer() {
    let (noted, notes) = mpsc::channel();
    let stub = Stub::new([script(move |daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        notes.recv().expect("the child gives up sending");
        daemon.send(&[head(200, &[]), response::end().to_vec()].concat());
    })]);
    let (mut client, mut writer) = with_body();
    client.noted = Some(noted);
    let sender = thread::spawn(move || writer.write_all(&vec![0; 8 << 20]));
    let limits = Limits {
        daemon: Duration::from_millis(200),
        ..LIMITS
    };
    let answer = client.relay_framed(&stub, &limits);
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert!(
        client.notes[0].starts_with("BodyRefused"),
        "{:?}",
        client.notes
    );
    drop(client);
    sender
        .join()
        .expect("no panic")
        .expect_err("nobody read it to the end");
    stub.finish();
}

#[test]
fn a_body_that_was_asked_for_is_not_sent_again() {
    let stub = Stub::new([script(|daemon| {
        daemon.request();
        daemon.send(&frame(response::write_continue));
        daemon.read_exact(8 + 4);
        daemon.send(&frame(response::write_rejected));
    })]);
    let (mut client, mut writer) = with_body();
    writer.write_all(b"1234").expect("room");
    let answer = client.relay_framed(&stub, &LIMITS);
    assert!(matches!(answer, Err(Failure::Malformed(_))), "{answer:?}");
    stub.finish();
}
