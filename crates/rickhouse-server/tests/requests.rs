//! Bytes in, bytes out: what the server makes of requests, good and bad.

mod common;

use common::{Client, echo, header, start, status};
use rickhouse_server::{Limits, Settings};

fn settings() -> Settings {
    let limits = Limits {
        request_line: 200,
        request_fields: 10,
        request_field_size: 300,
        request_header_size: 1000,
        request_body: Some(5000),
        request_buffer: 100,
        ..Limits::default()
    };
    Settings {
        limits,
        ..Settings::default()
    }
}

/// Sends `request` followed by a second, good one; the statuses that come back, and whether the second was answered.
fn statuses(client: &mut Client, request: &[u8]) -> Vec<u16> {
    let second = b"GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send([request, second].concat());
    let text = client.rest();
    text.match_indices("HTTP/1.1 ")
        .map(|(at, _)| status(&text[at..]))
        .collect()
}

#[test]
fn refused_requests_close_the_connection_and_smuggle_nothing() {
    let running = start(settings(), 1, echo);
    let long = "x".repeat(400);
    let table: Vec<(u16, String)> = [
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\nHost: a\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
        (400, "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\x16\x03\x01 hello\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: x\r\nContent-Type: y\r\n\r\n"),
        (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5001\r\n\r\n"),
        (417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx"),
        (501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ]
    .map(|(status, request)| (status, request.to_owned()))
    .into_iter()
    .chain([
        (414, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10))),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X: {}\r\n", &long[..250]).repeat(5))),
    ])
    .collect();
    for (expected, request) in &table {
        assert_eq!(
            statuses(&mut running.connect(), request.as_bytes()),
            [*expected],
            "{request:?}"
        );
    }
    let stats = running.wait_for("all connections to close", |stats| stats.open == 0);
    assert_eq!(
        (stats.refused, stats.begun, stats.accepted),
        (table.len() as u64, 0, table.len() as u64)
    );
    assert_eq!(running.log.all().len(), table.len());
}

#[test]
fn good_requests_are_followed_by_the_next() {
    let running = start(settings(), 1, echo);
    let long = "x".repeat(150);
    for (request, body) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "GET "),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "GET "),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "POST abc"),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 150\r\n\r\n{long}"), &format!("POST {long}")),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n".to_owned(), "POST abcde"),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n96\r\n{long}\r\n0\r\n\r\n"), &format!("POST {long}")),
        ("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "ignored"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "OPTIONS "),
    ] {
        // Whole, then byte by byte.
        for piece in [request.len(), 1] {
            let mut client = running.connect();
            for bytes in request.as_bytes().chunks(piece) { client.send(bytes); }
            assert_eq!(client.response().1, body, "{request:?}");
            client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.response().1, "GET ");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = start(settings(), 2, echo);
    let mut client = running.connect();
    let requests: String = (0..200)
        .map(|n| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{n:03}"))
        .collect();
    client.send(requests);
    for n in 0..200 {
        assert_eq!(client.response().1, format!("POST {n:03}"));
    }
}

#[test]
fn versions_and_wishes_decide_whether_the_connection_lives() {
    let running = start(settings(), 1, echo);
    for (request, connection, lives) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, true),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            Some("close"),
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", Some("close"), false),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            Some("keep-alive"),
            true,
        ),
    ] {
        let mut client = running.connect();
        let (head, _) = client.send(request).response();
        assert_eq!(
            header(&head, "connection").as_deref(),
            connection,
            "{request:?}"
        );
        if lives {
            assert_eq!(
                client
                    .send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    .response()
                    .1,
                "GET "
            );
        } else {
            assert!(client.is_closed(), "{request:?}");
        }
    }
}

#[test]
fn a_half_closed_client_is_answered() {
    let running = start(settings(), 1, echo);
    let text = running
        .connect()
        .send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .half_close()
        .rest();
    assert!(text.ends_with("\r\n\r\nGET "), "{text:?}");
}

#[test]
fn responses_are_framed_and_failures_are_visible() {
    let running = start(settings(), 1, echo);
    let get = |path: &str, version: &str| {
        running
            .connect()
            .send(format!(
                "GET {path} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n"
            ))
            .rest()
    };
    let head_of = |text: &str| text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    for (path, version, code, tail) in [
        (
            "/stream",
            "1.1",
            200,
            "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
        ),
        ("/stream", "1.0", 200, "\r\n\r\nonetwo"),
        ("/cut", "1.1", 200, "\r\n\r\n3\r\none\r\n"),
        ("/short", "1.1", 200, "\r\n\r\nfive!"),
        ("/file", "1.1", 200, "\r\n\r\n7\r\npackage\r\n0\r\n\r\n"),
        ("/silent", "1.1", 500, "500 Internal Server Error\n"),
        ("/panic", "1.1", 500, "500 Internal Server Error\n"),
        ("/replaced", "1.1", 504, "504 Gateway Timeout\n"),
    ] {
        let text = get(path, version);
        assert!(
            status(&text) == code && text.ends_with(tail),
            "{path}: {text:?}"
        );
        assert!(header(&head_of(&text), "date").is_some());
    }
    let stats = running.wait_for("the requests to end", |stats| stats.running == 0);
    assert_eq!((stats.finished, stats.aborted), (6, 2));
    let text = running
        .connect()
        .send("HEAD /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .rest();
    assert!(
        text.ends_with("\r\n\r\n") && text.contains("Content-Length: 8388608"),
        "{text:?}"
    );
}

#[test]
fn a_large_response_arrives_whole() {
    let running = start(settings(), 1, echo);
    let text = running
        .connect()
        .send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .rest();
    assert_eq!(
        text.split_once("\r\n\r\n").map(|(_, body)| body.len()),
        Some(8 << 20)
    );
}

#[test]
fn continue_is_sent_when_the_handler_reads() {
    let running = start(settings(), 1, echo);
    let expect = "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut client = running.connect();
    client.send(format!("POST / HTTP/1.1\r\n{expect}"));
    assert_eq!(client.until(b"\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.send("abc").response().1, "POST abc");
    // A handler that does not read: a final answer at once, and the connection ends.
    let text = client
        .send(format!("POST /ignore HTTP/1.1\r\n{expect}"))
        .rest();
    assert!(
        status(&text) == 200 && text.contains("Connection: close") && text.ends_with("ignored"),
        "{text:?}"
    );
}

#[test]
fn a_broken_body_is_an_error_and_ends_the_connection() {
    let running = start(settings(), 1, echo);
    let chunk = format!("96\r\n{}\r\n", "x".repeat(150));
    let table = [
        ("zz\r\n".to_owned(), "body error InvalidData"),
        (chunk.repeat(40), "body error FileTooLarge"),
    ];
    for (begun, (rest, outcome)) in (1..).zip(table) {
        let mut client = running.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
        ));
        running.wait_for("the handler to be entered", |stats| stats.begun == begun);
        let text = client.send(rest).rest();
        assert!(text.ends_with(outcome), "{text:?}");
    }
}

#[test]
fn environ_has_what_cgi_wants_and_nothing_forged() {
    let settings = Settings {
        root_path: "/app".into(),
        ..settings()
    };
    let running = start(settings, 1, |exchange| {
        let mut lines: Vec<String> = Vec::new();
        exchange.environ(&mut |name, value| {
            lines.push(format!(
                "{}={}",
                String::from_utf8_lossy(name),
                value.escape_ascii()
            ))
        });
        common::answer(exchange, lines.join("\n").as_bytes());
    });
    let (_, text) = running
        .connect()
        .send("POST /app/a%20b%ff?x=%20y HTTP/1.1\r\nHost: site:81\r\nContent-Length: 0\r\nContent-Type: t\r\nCookie: a=1\r\nX-A: 1\r\ncookie: b=2\r\nX-A: 2\r\nX_A: no\r\nProxy: no\r\n\r\n")
        .response();
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("REMOTE_PORT="))
        .collect();
    lines.sort_unstable();
    let port = format!("SERVER_PORT={}", running.address.port());
    let mut expected = [
        "CONTENT_LENGTH=0",
        "CONTENT_TYPE=t",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=site:81",
        "HTTP_X_A=1, 2",
        "PATH_INFO=/a b\\xff",
        "QUERY_STRING=x=%20y",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=POST",
        "REQUEST_URI=/app/a%20b%ff?x=%20y",
        "SCRIPT_NAME=/app",
        "SERVER_NAME=127.0.0.1",
        &port,
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_SOFTWARE=rickhouse",
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn the_access_log_cannot_be_forged() {
    let running = start(settings(), 1, echo);
    running.connect().send("GET /x\"\\\u{80}?q HTTP/1.1\r\nHost: a\r\nUser-Agent: a\" 200\tb\r\nConnection: close\r\n\r\n").rest();
    running.wait_for("the line", |_| !running.log.all().is_empty());
    let line = running.log.all().remove(0);
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(
        line.ends_with(r#"] "GET /x\x22\x5c\xc2\x80?q HTTP/1.1" 200 4 "-" "a\x22 200\x09b""#),
        "{line}"
    );
}

#[test]
fn a_response_that_only_the_end_of_the_connection_ends_is_not_cut_unseen() {
    let running = start(settings(), 1, echo);
    let mut client = running.connect();
    client.send("GET /cut HTTP/1.0\r\n\r\n");
    let mut text = Vec::new();
    let ended = std::io::Read::read_to_end(&mut client.stream, &mut text);
    assert_eq!(
        ended.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
    let text = running
        .connect()
        .send("GET /stream HTTP/1.0\r\n\r\n")
        .rest();
    assert!(text.ends_with("\r\n\r\nonetwo"), "{text}");
}

#[test]
fn an_absolute_target_names_the_site() {
    let running = start(settings(), 1, echo);
    for request in [
        "GET http://site:81/environ HTTP/1.0\r\n\r\n",
        "GET http://site:81/environ HTTP/1.0\r\nHost: other\r\n\r\n",
    ] {
        let text = running.connect().send(request).rest();
        assert_eq!(text.matches("HTTP_HOST=site:81").count(), 1, "{text}");
        assert_eq!(text.matches("HTTP_HOST=").count(), 1, "{text}");
    }
}

#[test]
fn a_second_blank_line_before_a_request_is_refused() {
    let running = start(settings(), 1, echo);
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (blank, expected) in [
        ("\r\n", 200),
        ("\r\n\r\n", 400),
        ("\r\n\n", 400),
        ("\n", 400),
    ] {
        for piece in [100, 1] {
            let mut client = running.connect();
            // What follows the refused byte would cross our close.
            let request = if expected == 200 {
                [blank, get].concat()
            } else {
                blank.to_owned()
            };
            for bytes in request.as_bytes().chunks(piece) {
                client.send(bytes);
            }
            assert_eq!(status(&client.rest()), expected, "{blank:?}");
        }
    }
}
