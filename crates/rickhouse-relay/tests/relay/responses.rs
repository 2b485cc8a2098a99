//! What becomes of a response, and of what is none.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::sync::mpsc;
use std::time::Duration;

use rickhouse_relay::{Answer, Failure, Limits};
use rickhouse_wire::{Body, response};

use crate::support::{
    Connection, LIMITS, Recorder, Stub, data, frame, head, head_of, plain, request, script,
};

/// Has a bodyless request answered by one daemon that reads it and then runs `answer`.
fn exchange(
    client: &mut Recorder,
    limits: &Limits,
    answer: impl FnOnce(&Connection) + Send + 'static,
) -> Result<Answer<u16>, Failure> {
    let stub = Stub::new([script(move |daemon| {
        daemon.request();
        answer(&daemon);
    })]);
    let result = client.relay(&stub, &mut plain(&mut request(Body::None)), limits);
    stub.finish();
    result
}

#[test]
fn head_body_and_end_are_one_pass() {
    let mut client = Recorder::default();
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        let whole = [
            head(201, &[(b"A", b"1"), (b"A", b"2")]),
            data(b"hello"),
            response::end().to_vec(),
        ];
        daemon.send(&whole.concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!((client.status, &client.body[..]), (201, &b"hello"[..]));
    let both: [(Vec<u8>, Vec<u8>); 2] = [(b"A".into(), b"1".into()), (b"A".into(), b"2".into())];
    assert_eq!(client.headers, both);
    assert_eq!((client.ended, client.sends, client.flushes), (true, 1, 0));
}

#[test]
fn large_bodies_arrive_whole() {
    let body: Vec<u8> = (0..3 << 20).map(|at: u32| (at % 251) as u8).collect();
    let mut client = Recorder::default();
    let sent = body.clone();
    let answer = exchange(&mut client, &LIMITS, move |daemon| {
        daemon.send(&head(200, &[]));
        for piece in sent.chunks(700_001) {
            daemon.send(&data(piece));
        }
        daemon.send(&response::end());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert!(client.body == body);
}

#[test]
fn what_there_is_leaves_when_the_daemon_pauses() {
    let (seen, go_on) = mpsc::channel();
    let mut client = Recorder {
        watch: Some(Box::new(move |body| {
            let _over = seen.send(body.len());
        })),
        ..Recorder::default()
    };
    let limits = Limits {
        flush_delay: Duration::from_millis(1),
        ..LIMITS
    };
    let answer = exchange(&mut client, &limits, move |daemon| {
        daemon.send(&[head(200, &[]), data(b"one")].concat());
        // Once for the data, once for the flush that follows because nothing else comes.
        assert_eq!((go_on.recv(), go_on.recv()), (Ok(3), Ok(3)));
        daemon.send(&[data(b"two"), response::end().to_vec()].concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!((&client.body[..], client.flushes), (&b"onetwo"[..], 1));
}

#[test]
fn a_buffer_that_is_full_leaves() {
    let mut client = Recorder::default();
    let limits = Limits {
        flush_after: 4,
        ..LIMITS
    };
    let answer = exchange(&mut client, &limits, |daemon| {
        daemon.send(&[head(200, &[]), data(b"12345"), response::end().to_vec()].concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(client.flushes, 1);
}

#[test]
fn files_come_as_descriptors_between_data() {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"0123456789").expect("room");
    let mut client = Recorder::default();
    let answer = exchange(&mut client, &LIMITS, move |daemon| {
        let mut first = [head(200, &[]), data(b"<")].concat();
        response::write_file(&mut first, 2, 3);
        daemon.send_with(&first, Some(file.as_fd()));
        let second = frame(|bytes| response::write_file(bytes, 7, 2));
        daemon.send_with(&second, Some(file.as_fd()));
        daemon.send(&[data(b">"), response::end().to_vec()].concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(client.body, b"<23478>");
}

#[test]
fn a_descriptor_of_something_else_is_refused() {
    for nothing in [true, false] {
        let (pipe, _writer) = std::io::pipe().expect("a pipe");
        let mut client = Recorder::default();
        let answer = exchange(&mut client, &LIMITS, move |daemon| {
            let mut bytes = head(200, &[]);
            response::write_file(&mut bytes, 0, 1);
            daemon.send_with(&bytes, (!nothing).then(|| pipe.as_fd()));
        });
        assert!(
            matches!(answer, Ok(Answer::Truncated(Some(Failure::Malformed(_))))),
            "{answer:?}"
        );
        assert!(client.truncated && !client.ended);
    }
}

#[test]
fn an_incomplete_response_is_seen_to_be_one() {
    type Ending = fn(&Connection);
    let dies: Ending = |_| {};
    let aborts: Ending = |daemon| daemon.send(&response::abort());
    let raves: Ending = |daemon| daemon.send(&[0xff; 16]);
    let repeats: Ending = |daemon| daemon.send(&head(200, &[]));
    for (ending, own_fault) in [
        (dies, true),
        (aborts, false),
        (raves, true),
        (repeats, true),
    ] {
        let mut client = Recorder::default();
        let answer = exchange(&mut client, &LIMITS, move |daemon| {
            daemon.send(&[head(200, &[]), data(b"part")].concat());
            ending(daemon);
        });
        assert!(
            matches!(&answer, Ok(Answer::Truncated(why)) if why.is_some() == own_fault),
            "{answer:?}"
        );
        assert_eq!(
            (&client.body[..], client.truncated, client.ended),
            (&b"part"[..], true, false)
        );
    }
}

#[test]
fn verdicts() {
    let mut client = Recorder::default();
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&frame(response::write_timeout))
    });
    assert!(matches!(answer, Ok(Answer::QueueTimeout)), "{answer:?}");
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&frame(|bytes| response::write_fail(bytes, 504)));
    });
    assert!(matches!(answer, Ok(Answer::Status(504))), "{answer:?}");
    assert_eq!(client.sends, 0);
}

#[test]
fn what_is_no_response_is_a_failure_with_its_reason() {
    let mut client = Recorder::default();
    let closed = exchange(&mut client, &LIMITS, |_| {});
    assert!(matches!(closed, Err(Failure::Closed)), "{closed:?}");
    let rubbish = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(b"HTTP/1.1 200 OK\r\n\r\n")
    });
    assert!(matches!(rubbish, Err(Failure::Malformed(_))), "{rubbish:?}");
    let headless = exchange(&mut client, &LIMITS, |daemon| daemon.send(&data(b"body")));
    assert!(
        matches!(headless, Err(Failure::Malformed(_))),
        "{headless:?}"
    );
    let continued = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&frame(response::write_continue))
    });
    assert!(
        matches!(continued, Err(Failure::Malformed(_))),
        "{continued:?}"
    );
    let long = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&head(200, &[(b"X", &[b'x'; 8190])]));
    });
    assert!(matches!(long, Err(Failure::HeaderTooLong)), "{long:?}");
    let limits = Limits {
        daemon: Duration::from_millis(1),
        ..LIMITS
    };
    let silent = exchange(&mut client, &limits, |daemon| assert!(daemon.is_closed()));
    assert!(matches!(silent, Err(Failure::Timeout)), "{silent:?}");
    assert_eq!(client.sends, 0);
}

#[test]
fn a_discarded_body_is_read_to_its_end() {
    let mut client = Recorder {
        instead: Some(404),
        ..Recorder::default()
    };
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&head(404, &[]));
        daemon.send(&data(&[b'x'; 1 << 20]));
        daemon.send(&response::end());
    });
    assert!(matches!(answer, Ok(Answer::Instead(404))), "{answer:?}");
    assert_eq!(client.sends, 0);
}

#[test]
fn a_client_that_leaves_closes_the_connection() {
    let mut client = Recorder {
        takes: Some(10),
        ..Recorder::default()
    };
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        daemon.send(&head(200, &[]));
        let piece = data(&[b'x'; 1000]);
        while daemon
            .0
            .send(&[std::io::IoSlice::new(&piece)], None)
            .is_ok()
        {}
    });
    assert!(
        matches!(
            answer,
            Ok(Answer::ClientLost {
                flushing: false,
                ..
            })
        ),
        "{answer:?}"
    );
}

#[test]
fn a_head_that_is_none_is_not_passed_on() {
    let many: Vec<(&[u8], &[u8])> = vec![(b"A", b"1"); 1001];
    for headers in [
        &[(&b""[..], &b"x"[..])][..],
        &[(b"A:B", b"x")],
        &[(b"A B", b"x")],
        &[(b"A\r\nB", b"x")],
        &[(b"A", b"x\r\nB: y")],
        &[(b"A", b"x\0")],
        &[(b"A", b"\x7f")],
        &many,
    ] {
        let bytes = head(200, headers);
        let mut client = Recorder::default();
        let answer = exchange(&mut client, &LIMITS, move |daemon| daemon.send(&bytes));
        assert!(
            matches!(answer, Err(Failure::Malformed(_))),
            "{headers:?}: {answer:?}"
        );
        assert_eq!(client.status, 0);
    }
    let mut client = Recorder::default();
    let answer = exchange(&mut client, &LIMITS, |daemon| {
        let fine = head(200, &[(b"X-y!", b"a\tb \xff"), (b"Empty", b"")]);
        daemon.send(&[fine, response::end().to_vec()].concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
}

#[test]
fn a_body_has_the_length_that_the_head_tells() {
    for (sent, passed, is_whole) in [
        (&b"abc"[..], &b"abc"[..], true),
        (b"abcde", b"abc", true),
        (b"ab", b"ab", false),
    ] {
        let mut client = Recorder::default();
        let answer = exchange(&mut client, &LIMITS, move |daemon| {
            let whole = [head_of(3), data(sent), response::end().to_vec()];
            daemon.send(&whole.concat());
        });
        assert_eq!(
            matches!(answer, Ok(Answer::Complete)),
            is_whole,
            "{answer:?}"
        );
        assert_eq!((client.ended, client.truncated), (is_whole, !is_whole));
        assert_eq!(client.body, passed);
    }
}

#[test]
fn descriptors_belong_to_their_frames_in_order() {
    let file = |text: &[u8]| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).expect("room");
        file
    };
    let (one, two) = (file(b"ONE"), file(b"TWO"));
    let mut client = Recorder::default();
    let answer = exchange(&mut client, &LIMITS, move |daemon| {
        // Beyond what the child takes at once: the first frame is still incomplete when the second descriptor comes.
        let mut first = [head(200, &[]), data(&[b'.'; 100])].concat();
        response::write_file(&mut first, 0, 3);
        let rest = first.split_off(first.len() - 5);
        daemon.send_with(&first, Some(one.as_fd()));
        let second = frame(|bytes| response::write_file(bytes, 0, 3));
        let second = [rest, second, response::end().to_vec()].concat();
        daemon.send_with(&second, Some(two.as_fd()));
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!(&client.body[100..], b"ONETWO");
}

#[test]
fn a_part_that_a_file_does_not_have_is_refused() {
    for (offset, length) in [(0, 4), (3, 1), (u64::MAX, 1), (1, u64::MAX)] {
        let mut client = Recorder::default();
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"ABC").expect("room");
        let answer = exchange(&mut client, &LIMITS, move |daemon| {
            let mut bytes = head(200, &[]);
            response::write_file(&mut bytes, offset, length);
            daemon.send_with(&bytes, Some(file.as_fd()));
        });
        assert!(
            matches!(answer, Ok(Answer::Truncated(Some(Failure::Malformed(_))))),
            "{answer:?}"
        );
    }
}

#[test]
fn a_head_leaves_without_a_body() {
    let (seen, go_on) = mpsc::channel();
    let mut client = Recorder {
        watch: Some(Box::new(move |body| {
            let _over = seen.send(body.len());
        })),
        ..Recorder::default()
    };
    let answer = exchange(&mut client, &LIMITS, move |daemon| {
        daemon.send(&head(200, &[]));
        assert_eq!(go_on.recv(), Ok(0));
        daemon.send(&[data(b"late"), response::end().to_vec()].concat());
    });
    assert!(matches!(answer, Ok(Answer::Complete)), "{answer:?}");
    assert_eq!((&client.body[..], client.flushes), (&b"late"[..], 1));
}
