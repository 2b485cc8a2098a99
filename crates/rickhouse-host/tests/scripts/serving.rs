//! Requests, where httpd's module differs from the standalone server (directives-and-daemon §7, §14.1).

use std::num::NonZeroUsize;

use rickhouse_host::scripts::Ended;
use rickhouse_host::{Failure, Value};

use crate::process::{Process, call};
use crate::support::MemoryExchange;

pub(crate) fn a_script_serves_from_the_main_interpreter() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "hello.wsgi",
        r#"
import mod_wsgi
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr((__name__[:10], environ["mod_wsgi.application_group"], mod_wsgi.version)).encode()]
"#,
    );
    let text = process.text("", &script);
    assert_eq!(text, "('_mod_wsgi_', '', (6, 1, 1))");
    assert!(process.log.text().contains("Loading WSGI script '"));
}

pub(crate) fn the_environ_has_what_is_no_text() {
    let mut process = Process::start(|settings| {
        settings.process = rickhouse_host::scripts::ProcessKind::Daemon("group".to_owned());
    });
    let script = process.script(
        "environ.wsgi",
        r#"
def application(environ, start_response):
    start_response("200 OK", [])
    names = ("mod_wsgi.version", "apache.version", "mod_wsgi.process_group", "mod_wsgi.application_group",
             "mod_wsgi.thread_id", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once", "start", "count", "nothing",
             "file", "text", "version")
    facts = [environ[name] for name in names]
    facts += [type(environ["record"]).__name__, environ["wsgi.file_wrapper"].__module__]
    return [ascii(facts).encode()]
"#,
    );
    let mut exchange = MemoryExchange::get("/");
    exchange.extras = vec![
        ("start", Value::Float(1.5)),
        ("count", Value::Int(-7)),
        ("nothing", Value::None),
        ("file", Value::FileSystem("/caf\u{e9}".as_bytes())),
        ("text", Value::Text(b"caf\xe9")),
        ("version", Value::Version(1, 2, 3)),
        ("record", Value::Capsule(NonZeroUsize::MIN)),
    ];
    let ended = process.thread.handle(&call("site", &script), &mut exchange);
    assert_eq!(ended, Ended::Responded, "{}", process.log.text());
    assert_eq!(
        exchange.text(),
        r"[(6, 1, 1), (2, 4, 57), 'group', 'site', 0, True, True, False, 1.5, -7, None, '/caf\xe9', 'caf\xe9', (1, 2, 3), 'PyCapsule', 'mod_wsgi']"
    );
    assert_eq!(exchange.admitted, 1);
    // What one request had, the next one has not.
    let (ended, exchange) = process.get("site", &script);
    assert_eq!(
        (ended, exchange.failure),
        (Ended::Failed, Some(Failure::Application))
    );
    assert!(process.log.text().contains("KeyError: 'start'"));
}

/// Rows 1, 2, 8, 9.
pub(crate) fn bodies_and_their_lengths() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "lengths.wsgi",
        r#"
def application(environ, start_response):
    blocks, length = environ["QUERY_STRING"].split(":")
    write = start_response("200 OK", [("Content-Length", length)] if length else [])
    blocks = [block.encode() for block in blocks.split(",") if block]
    if environ["PATH_INFO"] == "/written":
        for block in blocks:
            write(block)
        return []
    return blocks if environ["PATH_INFO"] == "/list" else iter(blocks)
"#,
    );
    let table = [
        ("/list", "x:", "x", Some(1), false),
        ("/list", ":", "", Some(0), false),
        ("/list", "12,345:4", "1234", Some(4), false),
        ("/blocks", "12,345:4", "1234", Some(4), false),
        ("/written", "12,345:4", "1234", Some(4), false),
        ("/list", "12,345:0", "", Some(0), false),
        ("/list", "12,345:5", "12345", Some(5), false),
        ("/list", "12,345:6", "12345", Some(6), true),
        ("/blocks", "12,345:6", "12345", Some(6), true),
        ("/blocks", ":6", "", Some(6), true),
        ("/blocks", "12:", "12", None, false),
    ];
    for (path, query, body, length, short) in table {
        let mut exchange = MemoryExchange::get(path);
        exchange.entries[3].1 = query.as_bytes().to_vec();
        let ended = process.thread.handle(&call("", &script), &mut exchange);
        assert_eq!(ended, Ended::Responded, "{path} {query}");
        assert_eq!(exchange.text(), body, "{path} {query}");
        assert_eq!(
            (exchange.length, exchange.short),
            (length, short),
            "{path} {query}"
        );
    }
}

/// Rows 21, 22.
pub(crate) fn headers_that_would_break_a_response() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "headers.wsgi",
        r#"
def application(environ, start_response):
    if environ["PATH_INFO"] == "/nul":
        start_response("200 OK", [("X-Name", "a\0b")])
    many = [(f"X-{number}", "1") for number in range(20)] if environ["PATH_INFO"] == "/many" else []
    start_response("200 OK", [("transfer-Encoding", "chunked"), ("X-Name", "kept"), *many])
    return [b"x"]
"#,
    );
    let mut ask = |path: &str| {
        let mut exchange = MemoryExchange::get(path);
        let ended = process.thread.handle(&call("", &script), &mut exchange);
        (ended, exchange)
    };
    let (ended, exchange) = ask("/nul");
    assert_eq!((ended, exchange.status), (Ended::Failed, None));
    let (ended, exchange) = ask("/");
    assert_eq!(ended, Ended::Responded);
    assert_eq!(exchange.headers, [(b"X-Name".to_vec(), b"kept".to_vec())]);
    let (_, exchange) = ask("/many");
    assert_eq!(exchange.headers.len(), 21);
    let text = process.log.text();
    assert!(
        text.contains("ValueError: control character in header value: b'a\\x00b'"),
        "{text}"
    );
}

/// Rows 24, 25.
pub(crate) fn files_are_sent_as_far_as_they_go() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "files.wsgi",
        r#"
import tempfile
def application(environ, start_response):
    start, length = environ["QUERY_STRING"].split(":")
    file = tempfile.TemporaryFile()
    file.write(b"0123456789")
    file.seek(int(start))
    start_response("200 OK", [("Content-Length", length)] if length else [])
    return environ["wsgi.file_wrapper"](file)
"#,
    );
    let table = [
        ("0:", (0, 10), Some(10), false),
        ("4:", (4, 6), Some(6), false),
        ("4:2", (4, 2), Some(2), false),
        ("4:600", (4, 6), Some(600), true),
    ];
    for (query, sent, length, short) in table {
        let mut exchange = MemoryExchange::get("/");
        exchange.entries[3].1 = query.as_bytes().to_vec();
        let ended = process.thread.handle(&call("", &script), &mut exchange);
        assert_eq!(ended, Ended::Responded, "{query}");
        assert_eq!(exchange.files, [sent], "{query}");
        assert_eq!(
            (exchange.length, exchange.short),
            (length, short),
            "{query}"
        );
    }
}

/// Rows 7, 10 to 13, and the words for them.
pub(crate) fn exceptions_are_told_in_mod_wsgis_words() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "raising.wsgi",
        r#"
import mod_wsgi
class Closing:
    def __init__(self, blocks):
        self.blocks = blocks
    def __iter__(self):
        return iter(self.blocks)
    @property
    def close(self):
        raise KeyError("close")
def application(environ, start_response):
    route = environ["PATH_INFO"]
    if route == "/raise":
        raise ValueError("first\n\nthird")
    if route == "/exit":
        raise SystemExit(3)
    if route == "/timeout":
        raise mod_wsgi.RequestTimeout
    write = start_response("200 OK", [])
    if route == "/close":
        return Closing([b"x"])
    if route == "/written":
        write(b"part")
        raise ValueError("late")
    return blocks(environ)
def blocks(environ):
    try:
        yield b"part"
        yield 5
    finally:
        print("finally")
"#,
    );
    let mut ask = |path: &str| {
        let mut exchange = MemoryExchange::get(path);
        let ended = process.thread.handle(&call("", &script), &mut exchange);
        (ended, exchange.failure, exchange.text(), process.log.take())
    };
    let file = script.display();
    let _loaded = ask("/close");
    let (ended, failure, _, log) = ask("/raise");
    assert_eq!(
        (ended, failure),
        (Ended::Failed, Some(Failure::Application))
    );
    let header = format!(
        "error WSGI0174: [script S] ValueError exception raised processing WSGI script '{file}' for main interpreter in embedded mode."
    );
    assert_eq!(log[0], header);
    assert_eq!(log[1], "error Traceback (most recent call last):");
    assert_eq!(
        log[log.len() - 2..],
        ["error ValueError: first", "error third"]
    );

    let (ended, _, _, log) = ask("/exit");
    assert_eq!(ended, Ended::Failed);
    let header = format!(
        "error WSGI0175: [script S] SystemExit exception raised by WSGI script '{file}' for main interpreter in embedded mode; ignored."
    );
    assert_eq!(log[0], header);

    let (ended, failure, _, log) = ask("/timeout");
    assert_eq!((ended, failure), (Ended::TimedOut, Some(Failure::Timeout)));
    let recovered = "info [script S] Request interrupted by RequestTimeout; thread recovered.";
    assert_eq!(log, [recovered]);

    let (ended, failure, text, log) = ask("/written");
    assert_eq!(
        (ended, failure),
        (Ended::Failed, Some(Failure::Application))
    );
    assert_eq!((text.as_str(), log.len() > 1), ("part", true));

    let (ended, failure, text, log) = ask("/blocks");
    assert_eq!(
        (ended, failure),
        (Ended::Failed, Some(Failure::Application))
    );
    assert_eq!(text, "part");
    assert!(
        log.contains(&"error [script S] finally".to_owned()),
        "{log:?}"
    );

    let (ended, failure, _, log) = ask("/close");
    assert_eq!((ended, failure), (Ended::Responded, None));
    let lookup = "error [script S] WSGI0194: Lookup of 'close' attribute on WSGI response iterable raised an exception.";
    assert_eq!(log[0], lookup);
    assert!(log[1].contains("WSGI0174: [script S] KeyError"), "{log:?}");
}

pub(crate) fn a_front_end_that_is_gone_ends_the_request() {
    let mut process = Process::start(|_| ());
    let script = process.script("never.wsgi", "raise RuntimeError('loaded')");
    let mut exchange = MemoryExchange::get("/");
    exchange.admit_error = Some(std::io::ErrorKind::BrokenPipe);
    let ended = process.thread.handle(&call("", &script), &mut exchange);
    assert_eq!(ended, Ended::NotAdmitted);
    assert_eq!((exchange.failure, exchange.status), (None, None));
    assert!(!process.log.text().contains("Loading"));
}
