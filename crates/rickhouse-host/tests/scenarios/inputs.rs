//! `wsgi.input` (directives-and-daemon.md §7.10).

use std::io::ErrorKind;

use rickhouse_host::Worker;

use crate::support::{MemoryExchange, serve};

/// Does the calls of the query string on the input and on an `io.BytesIO`, and compares.
const COMPARE: &str = r#"
import base64, io, json

def application(environ, start_response):
    given, model = environ["wsgi.input"], io.BytesIO(base64.b64decode(environ["test.body"]))
    start_response("200 OK", [])
    for number, (name, *arguments) in enumerate(json.loads(environ["QUERY_STRING"])):
        if name == "iterate":
            limit = arguments[0]
            outcomes = [[line for _, line in zip(range(limit), stream)] for stream in (given, model)]
        else:
            outcomes = [getattr(stream, name)(*arguments) for stream in (given, model)]
        if outcomes[0] != outcomes[1]:
            return [f"call {number}, {name}{arguments}: {outcomes[0]!r:.200}, not {outcomes[1]!r:.200}".encode()]
    return [b"same"]
"#;

/// A small generator of numbers: tests repeat exactly.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

pub(crate) fn reading_is_as_from_a_file() {
    serve(
        COMPARE,
        |_| (),
        |worker| {
            let mut numbers = Numbers(1);
            for round in 0..600 {
                let length = [0, 1, 40, 3000, 200_000][round % 5];
                let width = [3, 80, 70_000][numbers.below(3)];
                let body: Vec<u8> = (0..length)
                    .map(|_| {
                        if numbers.below(width) == 0 {
                            b'\n'
                        } else {
                            b'a' + numbers.below(26) as u8
                        }
                    })
                    .collect();
                let calls: Vec<String> = (0..1 + numbers.below(12))
                    .map(|_| one_call(&mut numbers, length))
                    .collect();
                let read_size = [usize::MAX, 1, 7, 1000, 65_536][numbers.below(5)];
                // One byte at a time through a long body only costs time.
                let read_size = if length > 3000 {
                    read_size.max(500)
                } else {
                    read_size
                };
                let calls = format!("[{}]", calls.join(","));
                let outcome = compare(worker, &body, &calls, read_size);
                assert_eq!(outcome, "same", "{length} bytes by {read_size}: {calls}");
            }
        },
    );
}

fn one_call(numbers: &mut Numbers, length: usize) -> String {
    let size = numbers.below(length + 10);
    match numbers.below(9) {
        0 => r#"["read"]"#.to_owned(),
        1 => r#"["read", -1]"#.to_owned(),
        2 => format!(r#"["read", {size}]"#),
        3 => r#"["read", 0]"#.to_owned(),
        4 => r#"["readline"]"#.to_owned(),
        5 => format!(r#"["readline", {size}]"#),
        6 => r#"["readline", 0]"#.to_owned(),
        7 => format!(r#"["readlines", {size}]"#),
        _ => format!(r#"["iterate", {}]"#, numbers.below(5)),
    }
}

fn compare(worker: &mut Worker, body: &[u8], calls: &str, read_size: usize) -> String {
    let mut exchange = MemoryExchange::get("/").with_body(body);
    exchange.read_size = read_size;
    // What a client says is right, less, more or nothing.
    let length = body.len() as u64;
    exchange.body_left = [Some(length), Some(length / 2), Some(length * 2), None][body.len() % 4];
    exchange.entries[3].1 = calls.as_bytes().to_vec();
    let encoded = base64(body);
    exchange
        .entries
        .push((b"test.body".to_vec(), encoded.into_bytes()));
    worker.handle(&mut exchange);
    exchange.text()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= chunk.len() {
                char::from(DIGITS[index])
            } else {
                '='
            });
        }
    }
    text
}

/// Evaluates the query string with `i`, the input.
const EVALUATE: &str = r#"
def application(environ, start_response):
    i = environ["wsgi.input"]
    start_response("200 OK", [])
    outcomes = []
    for expression in environ["QUERY_STRING"].split(";"):
        try:
            outcomes.append(repr(eval(expression)))
        except Exception as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    return ["; ".join(outcomes).encode()]
"#;

fn evaluate(worker: &mut Worker, expressions: &str, error: Option<ErrorKind>) -> String {
    let mut exchange = MemoryExchange::get("/").with_body(b"first\nsecond");
    exchange.read_error = error;
    exchange.read_size = 4;
    exchange.entries[3].1 = expressions.as_bytes().to_vec();
    worker.handle(&mut exchange);
    exchange.text()
}

pub(crate) fn arguments_are_checked() {
    serve(
        EVALUATE,
        |_| (),
        |worker| {
            let mut check = |expression: &str, expected: &str| {
                assert_eq!(evaluate(worker, expression, None), expected, "{expression}");
            };
            check("i.close()", "None");
            check("i.close();i.read()", "None; b'first\\nsecond'");
            check("iter(i) is i", "True");
            check("i.read(True)", "b'f'");
            check(
                "i.read();i.read();i.read(5);i.readline();i.readlines()",
                "b'first\\nsecond'; b''; b''; b''; []",
            );
            check("i.readlines(0)", "[b'first\\n', b'second']");
            check("i.readlines(1)", "[b'first\\n']");
            check("i.readlines(-1)", "[b'first\\n', b'second']");
            check("i.read(-5)", "b'first\\nsecond'");
            check(
                "i.read(1, 2)",
                "TypeError: read() takes at most 1 argument (2 given)",
            );
            check(
                "i.readline(size=1)",
                "TypeError: readline() takes no keyword arguments",
            );
            for call in ["i.read(None)", "i.readline('1')", "i.readlines(1.5)"] {
                let text = evaluate(worker, call, None);
                assert!(text.starts_with("TypeError: "), "{call}: {text}");
            }
        },
    );
}

pub(crate) fn errors_are_final() {
    serve(
        EVALUATE,
        |_| (),
        |worker| {
            let mut check = |expressions: &str, expected: &str| {
                let outcome = evaluate(worker, expressions, Some(ErrorKind::UnexpectedEof));
                assert_eq!(outcome, expected, "{expressions}");
            };
            let error = "OSError: mod_wsgi request data read error: the client went away";
            let again =
                "OSError: mod_wsgi request data read error: input is already in error state";
            check("i.read(5)", "b'first'");
            check("i.read()", error);
            check(
                "i.read();i.read();i.readline()",
                &format!("{error}; {again}; {again}"),
            );
            check(
                "i.readline();i.readline();next(i)",
                &format!("b'first\\n'; {error}; {again}"),
            );
            check("i.readlines();i.read(0)", &format!("{error}; {again}"));
            check("list(i);i.close()", &format!("{error}; None"));
            // The next request has an input of its own.
            assert_eq!(evaluate(worker, "i.read()", None), "b'first\\nsecond'");
        },
    );
}

pub(crate) fn a_body_that_memory_cannot_hold_is_an_exception() {
    serve(
        EVALUATE,
        |_| (),
        |worker| {
            let mut exchange = MemoryExchange::get("/").with_body(b"first\nsecond");
            exchange.body_left = Some(1 << 60);
            // Nothing was read, and so nothing is lost.
            let calls = "i.readline();i.read();i.read(2**59);i.read(3);i.readlines()";
            exchange.entries[3].1 = calls.as_bytes().to_vec();
            worker.handle(&mut exchange);
            assert_eq!(
                exchange.text(),
                "b'first\\n'; MemoryError: ; MemoryError: ; b'sec'; [b'ond']"
            );
        },
    );
}
