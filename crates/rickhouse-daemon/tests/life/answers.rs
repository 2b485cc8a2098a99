//! Requests and their answers.

use std::fs;
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use rickhouse_os::file;
use rickhouse_os::stream::Stream;
use rickhouse_wire::body;
use rickhouse_wire::{Body, Value};

use crate::Scene;
use crate::client::{Request, get, head, read, read_until, send};
use crate::daemon::Daemon;
use crate::fake::pattern;

pub(crate) const SCENES: &[Scene] = &[
    ("a_small_answer_comes_in_one_piece", one_piece),
    ("threads_with_and_without_a_common_gil", threads),
    ("bodies", bodies),
    ("a_body_that_does_not_come", broken_bodies),
    ("both_directions_at_once", both_directions),
    ("large_and_streamed_answers", large),
    ("files_are_handed_over", files),
    ("lengths_are_kept", lengths),
    ("failures", failures),
    ("environ", environ),
    ("origin", origin),
    ("the_token_comes_first", token_first),
    ("a_request_that_never_ends", endless),
    ("queue_timeout", queue_timeout),
    ("a_silent_child", silent_child),
];

/// Ends it as httpd does, and sees that nothing was wrong.
#[track_caller]
fn end(daemon: Daemon) -> Vec<String> {
    daemon.signal("TERM");
    daemon.check_end(0, &["Exiting daemon process 'g'."])
}

#[track_caller]
fn end_quietly(daemon: Daemon) {
    let log = end(daemon);
    let loud = log
        .iter()
        .find(|line| line.contains("ERROR") || line.contains("WARN"));
    assert_eq!(loud, None);
}

fn one_piece() {
    let daemon = Daemon::start(&[]);
    for _ in 0..3 {
        let answer = get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
        assert!(answer.text().starts_with("hello from "));
        assert_eq!(answer.reads, 1);
    }
    end_quietly(daemon);
}

fn threads() {
    for gil in ["one-gil=yes", "one-gil=no"] {
        let daemon = Daemon::start(&["threads=4", gil]);
        let path = daemon.path();
        thread::scope(|scope| {
            for client in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..100 {
                        let answer = get(path, "/hello");
                        assert_eq!(answer.frames.len(), 2, "client {client}");
                    }
                });
            }
        });
        // As many at the same time as there are threads, whoever of them leads.
        let held: Vec<_> = (0..3)
            .map(|name| Request::to(&format!("/hold/{name}")).send(&path, b""))
            .collect();
        daemon.wait_for_lines("engine: holding", 3);
        for (name, stream) in held.iter().enumerate() {
            get(&path, &format!("/release/{name}")).expect(&[&head(Some(4)), "End"]);
            assert_eq!(read(stream).text(), "released");
        }
        end_quietly(daemon);
    }
}

fn bodies() {
    let daemon = Daemon::start(&[]);
    let body: Vec<u8> = (0..100_000).map(pattern).collect();
    let mut request = Request::to("/echo");
    request.body = Body::Attached(100_000);
    let answer = request
        .answer(&daemon.path(), &body)
        .expect(&[&head(None), "End"]);
    assert!(answer.data == body);

    request.body = Body::Attached(0);
    request
        .answer(&daemon.path(), b"")
        .expect(&[&head(None), "End"]);

    request.body = Body::Framed(None);
    let stream = request.send(&daemon.path(), b"");
    read_until(&stream, "Continue").expect(&["Continue"]);
    for piece in body.chunks(33_333) {
        let length = u32::try_from(piece.len()).expect("small");
        send(&stream, &[&body::data(length), piece]).expect("somebody reads");
    }
    send(&stream, &[&body::data(0), &body::end()]).expect("somebody reads");
    let answer = read(&stream).expect(&[&head(None), "End"]);
    assert!(answer.data == body);
    end_quietly(daemon);
}

fn broken_bodies() {
    let daemon = Daemon::start(&["socket-timeout=50"]);
    let mut request = Request::to("/echo");
    request.body = Body::Framed(Some(100));
    let begin = || {
        let stream = request.send(&daemon.path(), b"");
        read_until(&stream, "Continue").expect(&["Continue"]);
        send(&stream, &[&body::data(5), b"begin"]).expect("somebody reads");
        stream
    };
    let frames = [&*head(None), "End"];

    let aborted = begin();
    send(&aborted, &[&body::abort()]).expect("somebody reads");
    assert_eq!(
        read(&aborted).expect(&frames).text(),
        "beginUnexpectedEof UnexpectedEof"
    );

    let ended = begin();
    ended.shutdown_write();
    assert_eq!(
        read(&ended).expect(&frames).text(),
        "beginUnexpectedEof UnexpectedEof"
    );

    let nonsense = begin();
    send(&nonsense, &[b"nonsense nonsense"]).expect("somebody reads");
    assert_eq!(read(&nonsense).expect(&frames).text(), "beginOther Other");

    let silent = begin();
    assert_eq!(
        read(&silent).expect(&frames).text(),
        "beginTimedOut TimedOut"
    );
    end_quietly(daemon);
}

/// A child that relays both ways never waits for one to end before the other.
fn both_directions() {
    let daemon = Daemon::start(&[]);
    let mut request = Request::to("/echo");
    request.body = Body::Framed(Some(4 << 20));
    let stream = request.send(&daemon.path(), b"");
    read_until(&stream, "Continue").expect(&["Continue"]);
    let block: Vec<u8> = (0..1 << 20).map(pattern).collect();
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..4 {
                send(&stream, &[&body::data(1 << 20), &block]).expect("somebody reads");
            }
            send(&stream, &[&body::end()]).expect("somebody reads");
        });
        read(&stream)
    });
    let answer = answer.expect(&[&head(None), "End"]);
    assert!(answer.data == block.repeat(4));
    end_quietly(daemon);
}

fn large() {
    let daemon = Daemon::start(&[]);
    for size in [0, 1, 65_000, 65_536, 1 << 20, 5_000_000] {
        let answer = get(&daemon.path(), &format!("/big/{size}"));
        let answer = answer.expect(&[&head(Some(size)), "End"]);
        let expected = (0..usize::try_from(size).expect("fits")).map(pattern);
        assert!(answer.data.iter().copied().eq(expected), "{size}");
    }
    let answer = get(&daemon.path(), "/stream/500").expect(&[&head(None), "End"]);
    assert_eq!(answer.text().lines().count(), 500);
    end_quietly(daemon);
}

fn files() {
    let daemon = Daemon::start(&[]);
    let content: Vec<u8> = (0..100_000).map(pattern).collect();
    let large = daemon.folder().join("large");
    fs::write(&large, &content).expect("writable");
    let target = format!("/file{}", large.display());
    let answer = get(&daemon.path(), &target).expect(&[&head(Some(99_999)), "File", "End"]);
    let (passed, offset, length) = &answer.files[0];
    assert_eq!((*offset, *length, answer.reads), (1, 99_999, 1));
    assert_eq!(
        file::regular_size(passed.as_fd()).expect("open"),
        Some(100_000)
    );

    let mut plain = Request::to(&target);
    plain.accepts_files = false;
    let answer = plain
        .answer(&daemon.path(), b"")
        .expect(&[&head(Some(99_999)), "End"]);
    assert!(answer.data == content[1..]);

    let small = daemon.folder().join("small");
    fs::write(&small, &content[..1000]).expect("writable");
    let answer = get(&daemon.path(), &format!("/file{}", small.display()));
    assert!(answer.expect(&[&head(Some(999)), "End"]).data == content[1..1000]);
    end_quietly(daemon);
}

fn lengths() {
    let daemon = Daemon::start(&[]);
    let path = daemon.path();
    let answer = get(&path, "/surplus").expect(&[&head(Some(5)), "End"]);
    assert_eq!(answer.text(), "12345");
    assert_eq!(
        get(&path, "/short")
            .expect(&[&head(Some(10)), "Abort"])
            .text(),
        "1234"
    );
    let mut request = Request::to("/short");
    request.method = "HEAD";
    request.answer(&path, b"").expect(&[&head(Some(10)), "End"]);
    end_quietly(daemon);
}

fn failures() {
    let daemon = Daemon::start(&[]);
    let path = daemon.path();
    assert_eq!(
        get(&path, "/cut").expect(&[&head(None), "Abort"]).text(),
        "first part"
    );
    get(&path, "/early").expect(&["Fail(504)"]);
    get(&path, "/nothing").expect(&["Fail(500)"]);
    get(&path, "/unloadable").expect(&["Fail(500)"]);
    get(&path, "/panic").expect(&["Fail(500)"]);
    get(&path, "/panic").expect(&["Fail(500)"]);
    // Both threads live on, and a child that leaves without its answer harms nobody.
    drop(Request::to("/big/5000000").send(&path, b""));
    drop(Request::to("/big/5000000").send(&path, b""));
    get(&path, "/hello").expect(&[&head(Some(12)), "End"]);
    end_quietly(daemon);
}

fn environ() {
    let daemon = Daemon::start(&[]);
    let mut request = Request::to("/environ");
    request.environ = &[
        ("REQUEST_METHOD", Value::Text(b"GET")),
        ("SCRIPT_FILENAME", Value::FileSystem(b"/srv/app.wsgi")),
        ("mod_wsgi.version", Value::Version(6, 1, 1)),
        ("NOTHING", Value::None),
    ];
    let answer = request.answer(&daemon.path(), b"");
    assert_eq!(
        answer.text().lines().collect::<Vec<_>>(),
        [
            "REQUEST_METHOD=GET",
            "SCRIPT_FILENAME: FileSystem([47, 115, 114, 118, 47, 97, 112, 112, 46, 119, 115, 103, 105])",
            "mod_wsgi.version: Version(6, 1, 1)",
            "NOTHING: None",
            "mod_wsgi.request_start: a time",
            "mod_wsgi.queue_start: a time",
            "mod_wsgi.daemon_start: a time",
            "mod_wsgi.application_start: a time",
            "script=/srv/app.wsgi",
            "handler=",
        ]
    );
    end_quietly(daemon);
}

fn origin() {
    let daemon = Daemon::start(&[]);
    let path = daemon.path();
    let mut request = Request::to("/hello");
    request.token = [8; 32];
    request.answer(&path, b"").expect(&[]);
    request.token = [0; 32];
    request.answer(&path, b"").expect(&[]);
    let stream = Request::to("/hello").send(&path, b"and something else that nobody asked for");
    read(&stream).expect(&[]);
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"RKW1\xff\xff\xff\xff",
        b"RKW",
    ] {
        let stream = Stream::connect(&path, None).expect("a listener");
        send(&stream, &[nonsense]).expect("room");
        stream.shutdown_write();
        read(&stream).expect(&[]);
    }
    get(&path, "/hello").expect(&[&head(Some(12)), "End"]);
    let log = end(daemon);
    let with = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        with(
            "Request origin could not be validated; magic token mismatch. code=\"WSGI0034\" level=\"alert\""
        ),
        1
    );
    assert_eq!(
        with(
            "Request origin could not be validated; missing magic token. code=\"WSGI0033\" level=\"alert\""
        ),
        1
    );
    assert!(with("Unable to read incoming WSGI request from Apache child") >= 4);
}

/// The rest of its frame never comes, and nobody waits for it.
fn token_first() {
    let daemon = Daemon::start(&["threads=1"]);
    let mut request = Request::to("/hello");
    for token in [[8; 32], [0; 32]] {
        request.token = token;
        let stream = Stream::connect(&daemon.path(), None).expect("a listener");
        send(&stream, &[&request.frame()[..40]]).expect("room");
        read(&stream).expect(&[]);
    }
    // Nor is room made for it: the frame says that it has 16 MiB.
    let stream = Stream::connect(&daemon.path(), None).expect("a listener");
    send(&stream, &[b"RKW1\x00\x00\x00\x01", &[8; 32]]).expect("room");
    read(&stream).expect(&[]);
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    let log = end(daemon);
    let count = |code: &str| log.iter().filter(|line| line.contains(code)).count();
    assert_eq!((count("WSGI0034"), count("WSGI0033")), (2, 1), "{log:#?}");
}

/// One deadline for all of a request, however often more of it comes.
fn endless() {
    let daemon = Daemon::start(&["socket-timeout=200", "threads=1"]);
    let mut request = Request::to("/hello");
    let long = [b'x'; 100_000];
    let environ = [("LONG", Value::Text(&long))];
    request.environ = &environ;
    let frame = request.frame();
    let stream = Stream::connect(&daemon.path(), None).expect("a listener");
    let (beginning, rest) = frame.split_at(40);
    send(&stream, &[beginning]).expect("room");
    // Whoever begins anew with each byte has half an hour for all of them.
    let mut drops = rest.chunks(1).take(3000);
    let gone = drops.any(|drop| {
        thread::sleep(Duration::from_millis(20));
        send(&stream, &[drop]).is_err()
    });
    assert!(gone, "the frame was waited for");
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    let log = end(daemon);
    let text = "Unable to read incoming WSGI request from Apache child: timed out";
    assert!(log.iter().any(|line| line.contains(text)), "{log:#?}");
}

fn queue_timeout() {
    let daemon = Daemon::start(&["queue-timeout=10000"]);
    let mut request = Request::to("/hello");
    request.age = Duration::from_secs(11);
    request.answer(&daemon.path(), b"").expect(&["Timeout"]);
    request.age = Duration::from_secs(1);
    request
        .answer(&daemon.path(), b"")
        .expect(&[&head(Some(12)), "End"]);
    let log = end(daemon);
    let text = "Queue timeout expired for WSGI daemon process 'g'. code=\"WSGI0084\"";
    assert_eq!(log.iter().filter(|line| line.contains(text)).count(), 1);
}

fn silent_child() {
    let daemon = Daemon::start(&["socket-timeout=50", "threads=1"]);
    let silent = Stream::connect(&daemon.path(), None).expect("a listener");
    read(&silent).expect(&[]);
    // One that does not read holds its thread no longer than that either.
    let deaf = Request::to("/big/50000000").send(&daemon.path(), b"");
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    drop(deaf);
    let log = end(daemon);
    let text = "Unable to read incoming WSGI request from Apache child: timed out";
    assert!(log.iter().any(|line| line.contains(text)), "{log:#?}");
}
