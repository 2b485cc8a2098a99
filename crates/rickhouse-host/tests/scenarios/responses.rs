//! `start_response`, `write()` and the body (directives-and-daemon.md §7.2 to §7.6).

use std::io::ErrorKind::{BrokenPipe, InvalidInput, Other};

use rickhouse_host::{Failure, Worker};

use crate::support::{MemoryExchange, get, log, serve};

/// Evaluates the query string; the response is the exception it raised.
const EVALUATE: &str = r#"
class Text(str):
    pass

class FakeException:
    def with_traceback(self, traceback):
        return 5

def application(environ, start_response):
    sr = start_response
    try:
        outcome = repr(eval(environ["QUERY_STRING"]))
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    start_response("200 OK", [])
    return [outcome.encode("utf-8")]
"#;

fn evaluate(worker: &mut Worker, expression: &str) -> String {
    let mut exchange = MemoryExchange::get("/");
    exchange.entries[3].1 = expression.as_bytes().to_vec();
    worker.handle(&mut exchange);
    exchange.text()
}

pub(crate) fn start_response_checks_what_it_gets() {
    let table = [
        (
            "sr()",
            "TypeError: start_response() takes at least 2 arguments (0 given)",
        ),
        (
            "sr('200 OK')",
            "TypeError: start_response() takes at least 2 arguments (1 given)",
        ),
        (
            "sr(1, 2, 3, 4)",
            "TypeError: start_response() takes at most 3 arguments (4 given)",
        ),
        (
            "sr('200 OK', headers=[])",
            "TypeError: start_response() takes no keyword arguments",
        ),
        (
            "sr('200 OK', ())",
            "TypeError: start_response() argument 2 must be list, not tuple",
        ),
        (
            "sr('200 OK', None)",
            "TypeError: start_response() argument 2 must be list, not NoneType",
        ),
        (
            "sr('200 OK', [], 1)",
            "RuntimeError: start_response() argument 'exc_info' must be a 3-tuple or None",
        ),
        ("sr(b'200 OK', [])", "TypeError: must be str, not bytes"),
        ("sr(200, [])", "TypeError: must be str, not int"),
        (
            "sr('200 \\u20ac', [])",
            "UnicodeEncodeError: 'latin-1' codec can't encode character '\\u20ac' in position 4: ordinal not in range(256)",
        ),
        (
            "sr('', [])",
            "ValueError: status code must be a 3 digit integer: b''",
        ),
        (
            "sr('20', [])",
            "ValueError: status code must be a 3 digit integer: b'20'",
        ),
        (
            "sr('2000', [])",
            "ValueError: status code must be a 3 digit integer: b'2000'",
        ),
        (
            "sr('OK', [])",
            "ValueError: status code must be a 3 digit integer: b'OK'",
        ),
        (
            "sr('200OK', [])",
            "ValueError: no space following status code: b'200OK'",
        ),
        (
            "sr('200 O\\nK', [])",
            "ValueError: control character in status reason phrase: b'200 O\\nK'",
        ),
        (
            "sr('200 OK', ['X'])",
            "TypeError: each header must be a 2-tuple, not str",
        ),
        (
            "sr('200 OK', [['a', 'b']])",
            "TypeError: each header must be a 2-tuple, not list",
        ),
        (
            "sr('200 OK', [('a',)])",
            "ValueError: each header must be a 2-tuple, got length 1",
        ),
        (
            "sr('200 OK', [('a', 'b', 'c')])",
            "ValueError: each header must be a 2-tuple, got length 3",
        ),
        (
            "sr('200 OK', [(1, 'b')])",
            "TypeError: must be str, not int",
        ),
        (
            "sr('200 OK', [('a', b'b')])",
            "TypeError: must be str, not bytes",
        ),
        (
            "sr('200 OK', [('', 'b')])",
            "ValueError: header name is empty",
        ),
        (
            "sr('200 OK', [('a\\tb', 'c')])",
            "ValueError: control character in header name: b'a\\tb'",
        ),
        (
            "sr('200 OK', [('a b', 'c')])",
            "ValueError: space character in header name: b'a b'",
        ),
        (
            "sr('200 OK', [('a', 'b\\r\\nc')])",
            "ValueError: carriage return/line feed character in header value: b'b\\r\\nc'",
        ),
        // The status is looked at before the headers, a name before its value, one header before the next.
        (
            "sr('OK', [('', 1)])",
            "ValueError: status code must be a 3 digit integer: b'OK'",
        ),
        (
            "sr('200 OK', [('', 1)])",
            "ValueError: header name is empty",
        ),
        (
            "sr('200 OK', [('a', 'b'), ('', 'c'), 5])",
            "ValueError: header name is empty",
        ),
        // Right ones, subclasses included.
        ("callable(sr('200', []))", "True"),
        ("callable(sr('200 ', [], None))", "True"),
        (
            "callable(sr(Text('299 \\xe9'), [(Text('a'), Text('\\xff'))]))",
            "True",
        ),
        ("callable(sr('200 OK', [], (1, 2)))", "True"),
    ];
    serve(
        EVALUATE,
        |_| (),
        |worker| {
            for (expression, expected) in table {
                assert_eq!(evaluate(worker, expression), expected, "{expression}");
            }
        },
    );
}

pub(crate) fn start_response_may_be_called_again() {
    let source = r#"
import sys

class Fake:
    def with_traceback(self, traceback):
        return 5

def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](start_response)

def replaces(start_response):
    start_response("200 OK", [("A", "1")])
    start_response("404 Not Found", [("B", "2")])
    return [b"x"]

def failed_call_changes_nothing(start_response):
    start_response("200 OK", [("A", "1")])
    try:
        start_response("404 Not Found", [("B", "2"), ("", "")])
    except ValueError:
        pass
    return [b"x"]

def replaces_with_exc_info(start_response):
    start_response("200 OK", [("A", "1")])
    try:
        1 / 0
    except ZeroDivisionError:
        start_response("500 Oops", [], sys.exc_info())
    return [b"x"]

def after_the_head(start_response, *more):
    write = start_response("200 OK", [])
    write(b"sent;")
    try:
        start_response("500 Oops", [], *more)
    except BaseException as error:
        return [f"{type(error).__name__}: {error}".encode()]

def with_exc_info_after_the_head(start_response):
    try:
        1 / 0
    except ZeroDivisionError:
        return after_the_head(start_response, sys.exc_info())

def with_a_wrong_tuple(start_response):
    return after_the_head(start_response, (1, 2))

def with_no_exception(start_response):
    return after_the_head(start_response, (None, Fake(), None))

def with_a_class(start_response):
    return after_the_head(start_response, (KeyError, "key", None))
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let head = |exchange: &MemoryExchange| {
                let (code, reason) = exchange.status.clone().expect("a head");
                let names = exchange.headers.iter().map(|(name, _)| name.clone());
                let names = names.collect::<Vec<_>>().concat();
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII");
                format!("{code} {} {}", text(reason), text(names))
            };
            assert_eq!(head(&get(worker, "/replaces")), "404 Not Found B");
            assert_eq!(
                head(&get(worker, "/failed_call_changes_nothing")),
                "200 OK A"
            );
            assert_eq!(head(&get(worker, "/replaces_with_exc_info")), "500 Oops ");
            let again =
                "sent;RuntimeError: start_response() called more than once without exc_info";
            assert_eq!(get(worker, "/after_the_head").text(), again);
            let raised = "sent;ZeroDivisionError: division by zero";
            assert_eq!(get(worker, "/with_exc_info_after_the_head").text(), raised);
            let wrong = "sent;TypeError: function takes exactly 3 arguments (2 given)";
            assert_eq!(get(worker, "/with_a_wrong_tuple").text(), wrong);
            // An object that only pretends to be an exception would crash CPython when raised.
            let none = "sent;TypeError: exceptions must derive from BaseException";
            assert_eq!(get(worker, "/with_no_exception").text(), none);
            assert_eq!(get(worker, "/with_a_class").text(), "sent;KeyError: 'key'");
        },
    );
}

pub(crate) fn blocks_are_sent_one_by_one() {
    let source = r#"
def application(environ, start_response):
    errors = environ["wsgi.errors"]
    def generate():
        yield b""
        start_response("200 OK", [])
        for block in (b"one", b"", b"two", b"three"):
            errors.write(f"making {block!r}\n")
            yield block
        errors.write("done\n")
    return generate()
"#;
    serve(
        source,
        |_| (),
        |worker| {
            log();
            let exchange = get(worker, "/");
            assert_eq!(exchange.blocks, [&b"one"[..], b"two", b"three"]);
            assert_eq!(exchange.length, None);
            let order: Vec<String> = log()
                .lines()
                .filter_map(|line| line.split_once(": ").map(|(_, text)| text.to_owned()))
                .collect();
            assert_eq!(
                order,
                [
                    "making b'one'",
                    "one",
                    "making b''",
                    "making b'two'",
                    "two",
                    "making b'three'",
                    "three",
                    "done"
                ]
            );
        },
    );
}

pub(crate) fn bodies_that_are_none_are_refused() {
    let source = r#"
def application(environ, start_response):
    route = environ["PATH_INFO"]
    if "started" in route:
        start_response("200 OK", [])
    return {"none": None, "number": 5, "bytes": b"ab", "text": "ab", "texts": ["ab"], "array": [bytearray(b"ab")],
            "generator": (part for part in [5]), "empty": [], "blanks": iter([b""]), "block": [b"x"]}[route.split("/")[-1]]
"#;
    let not_started =
        "RuntimeError: start_response() must be called before response content is produced";
    let table = [
        (
            "/started/none",
            "TypeError: 'NoneType' object is not iterable",
        ),
        ("/started/number", "TypeError: 'int' object is not iterable"),
        (
            "/started/bytes",
            "TypeError: response iterable must yield bytes, not int",
        ),
        (
            "/started/text",
            "TypeError: response iterable must yield bytes, not str",
        ),
        (
            "/started/texts",
            "TypeError: response iterable must yield bytes, not str",
        ),
        (
            "/started/array",
            "TypeError: response iterable must yield bytes, not bytearray",
        ),
        (
            "/started/generator",
            "TypeError: response iterable must yield bytes, not int",
        ),
        ("/empty", not_started),
        ("/blanks", not_started),
        ("/block", not_started),
    ];
    serve(
        source,
        |_| (),
        |worker| {
            for (path, text) in table {
                log();
                let exchange = get(worker, path);
                assert_eq!(exchange.failure, Some(Failure::Application), "{path}");
                assert_eq!(exchange.status, None, "{path}");
                let logged = log();
                assert!(logged.contains(text), "{path}: {logged}");
            }
            for path in ["/started/empty", "/started/blanks"] {
                let exchange = get(worker, path);
                assert_eq!(
                    (exchange.failure, exchange.length),
                    (None, Some(0)),
                    "{path}"
                );
                assert!(exchange.status.is_some(), "{path}");
            }
        },
    );
}

pub(crate) fn content_length_is_checked_and_passed_on() {
    let source = r#"
def application(environ, start_response):
    values = filter(None, environ["QUERY_STRING"].split("&"))
    start_response("200 OK", [("content-LENGTH", value) for value in values])
    return [b"12", b"345"]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let mut ask = |value: &str| {
                let mut exchange = MemoryExchange::get("/");
                exchange.entries[3].1 = value.as_bytes().to_vec();
                worker.handle(&mut exchange);
                exchange
            };
            for (value, length) in [
                ("5", 5),
                ("7", 7),
                ("0", 0),
                (" 5", 5),
                ("+5", 5),
                ("100&5", 5),
                ("5&100", 100),
            ] {
                let exchange = ask(value);
                assert_eq!(
                    (exchange.length, exchange.length_declared),
                    (Some(length), true)
                );
                assert_eq!(exchange.text(), "12345", "cutting is the front end's");
            }
            let exchange = ask("");
            assert_eq!(
                (exchange.length, exchange.length_declared),
                (Some(5), false)
            );
            for value in ["x", "-1", "5 ", "5x", "99999999999999999999999"] {
                log();
                let exchange = ask(value);
                assert_eq!(exchange.failure, Some(Failure::Application), "{value}");
                let expected =
                    format!("ValueError: invalid Content-Length header value: '{value}'");
                let logged = log();
                assert!(logged.contains(&expected), "{logged}");
            }
        },
    );
}

pub(crate) fn write_sends_at_once() {
    let source = r#"
def application(environ, start_response):
    errors = environ["wsgi.errors"]
    write = start_response("200 OK", [])
    outcomes = []
    for arguments in ((), (1,), ("text",), (bytearray(b"x"),), (b"a", b"b")):
        try:
            write(*arguments)
        except TypeError as error:
            outcomes.append(str(error))
    try:
        write(data=b"x")
    except TypeError as error:
        outcomes.append(str(error))
    write(b"")
    try:
        start_response("500 Oops", [])
    except RuntimeError as error:
        outcomes.append(str(error))
    write(b"first")
    errors.write("between\n")
    write(b"second")
    return [";".join(outcomes).encode()]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            log();
            let exchange = get(worker, "/");
            assert_eq!(
            exchange.blocks[2],
            b"write() takes exactly one argument (0 given);write() argument must be bytes, not int;\
              write() argument must be bytes, not str;write() argument must be bytes, not bytearray;\
              write() takes exactly one argument (2 given);write() takes no keyword arguments;\
              start_response() called more than once without exc_info"
        );
            let order = log();
            assert!(
                order.starts_with(
                    "INFO wire: first\nERROR wsgi.errors: between\nINFO wire: second\n"
                ),
                "{order}"
            );
        },
    );
}

pub(crate) fn a_client_that_left_is_an_os_error() {
    let source = r#"
outcomes = []
def application(environ, start_response):
    write = start_response("200 OK", [])
    if environ["PATH_INFO"] == "/outcomes":
        return ["; ".join(outcomes).encode()]
    if environ["PATH_INFO"] == "/iterate":
        return iterate()
    try:
        write(b"x")
    except OSError as error:
        outcomes.append(str(error))
        if environ["PATH_INFO"] == "/then_a_mistake":
            raise KeyError("my own mistake")
        if environ["PATH_INFO"] == "/then_no_file":
            raise FileNotFoundError("my own file")
        if environ["PATH_INFO"] == "/wrapped":
            raise Unreadable(*error.args) from error
        raise

class Unreadable(OSError):
    pass

def iterate():
    try:
        while True:
            yield b"x"
    finally:
        outcomes.append("generator closed")
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let mut ask = |path: &str, kind| {
                let mut exchange = MemoryExchange::get(path);
                exchange.write_error = Some((if path == "/iterate" { 2 } else { 0 }, kind));
                worker.handle(&mut exchange);
                (exchange, log())
            };
            for (path, kind) in [
                ("/write", BrokenPipe),
                ("/write", Other),
                ("/iterate", BrokenPipe),
                ("/wrapped", BrokenPipe),
            ] {
                let (exchange, logged) = ask(path, kind);
                assert!(
                    exchange.failure.is_some(),
                    "the connection cannot be used again"
                );
                assert!(!logged.contains("ERROR"), "{logged}");
            }
            for (path, mistake) in [
                ("/then_a_mistake", "KeyError: 'my own mistake'"),
                ("/then_no_file", "FileNotFoundError: my own file"),
            ] {
                let (_, logged) = ask(path, BrokenPipe);
                assert!(logged.contains(mistake), "{logged}");
            }
            assert_eq!(
                get(worker, "/outcomes").text(),
                "mod_wsgi client connection closed; mod_wsgi failed to write response data: other error; \
             generator closed; mod_wsgi client connection closed; mod_wsgi client connection closed; \
             mod_wsgi client connection closed"
            );
        },
    );
}

pub(crate) fn a_head_that_is_refused_is_a_value_error() {
    let source = r#"
def application(environ, start_response):
    write = start_response("200 OK", [])
    if environ["PATH_INFO"] == "/write":
        write(b"x")
    return [b"x"]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            for path in ["/", "/write"] {
                log();
                let mut exchange = MemoryExchange::get(path);
                exchange.start_error = Some((InvalidInput, "no such head"));
                worker.handle(&mut exchange);
                assert_eq!(exchange.failure, Some(Failure::Application));
                let logged = log();
                assert!(logged.contains("ValueError: no such head"), "{logged}");
            }
        },
    );
}
