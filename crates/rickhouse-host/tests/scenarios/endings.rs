//! Exceptions, and `close()` (directives-and-daemon.md §7.7, §7.12).

use std::io::ErrorKind::BrokenPipe;

use rickhouse_host::Failure;

use crate::support::{MemoryExchange, get, log, serve};

pub(crate) fn close_is_called_once_however_it_ends() {
    let source = r#"
import sys
closed = []

class Body:
    def __init__(self, blocks=(b"one", b"two"), iterate=None, close=None):
        self.blocks, self.iterate, self.on_close = blocks, iterate, close
    def __iter__(self):
        if self.iterate:
            raise self.iterate
        for block in self.blocks:
            if isinstance(block, BaseException):
                raise block
            yield block
    def close(self):
        closed.append(1)
        if self.on_close:
            raise self.on_close

class Timeout(BaseException):
    pass

def application(environ, start_response):
    route = environ["PATH_INFO"][1:]
    if route == "count":
        start_response("200 OK", [])
        count = str(len(closed))
        closed.clear()
        return [count.encode()]
    if route != "not_started":
        start_response("200 OK", [])
    timeout = sys.modules["_rickhouse"].RequestTimeout
    return {
        "normal": Body(), "empty": Body(()), "not_started": Body(), "text": Body(("text",)),
        "iter_fails": Body(iterate=KeyError("iter")), "first_fails": Body((KeyError("first"),)),
        "later_fails": Body((b"one", KeyError("later"))), "exits": Body((b"one", SystemExit(3))),
        "timeout": Body((timeout(),)), "later_timeout": Body((b"one", timeout())),
        "client_gone": Body(), "close_fails": Body(close=KeyError("close")),
        "close_times_out": Body(close=timeout()), "both_fail": Body((KeyError("a"),), close=KeyError("b")),
    }[route]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let routes = [
                ("normal", None),
                ("empty", None),
                ("not_started", Some(Failure::Application)),
                ("text", Some(Failure::Application)),
                ("iter_fails", Some(Failure::Application)),
                ("first_fails", Some(Failure::Application)),
                ("later_fails", Some(Failure::Application)),
                ("exits", Some(Failure::Application)),
                ("timeout", Some(Failure::Timeout)),
                ("later_timeout", Some(Failure::Timeout)),
                ("client_gone", Some(Failure::Application)),
                ("close_fails", None),
                ("close_times_out", None),
                ("both_fail", Some(Failure::Application)),
            ];
            for (route, failure) in routes {
                let mut exchange = MemoryExchange::get(&format!("/{route}"));
                exchange.write_error = (route == "client_gone").then_some((1, BrokenPipe));
                log();
                worker.handle(&mut exchange);
                assert_eq!(exchange.failure, failure, "{route}");
                let logged = log();
                let reported = logged.contains("WSGI017");
                let quiet = [
                    "normal",
                    "empty",
                    "timeout",
                    "later_timeout",
                    "client_gone",
                    "close_times_out",
                ];
                assert_eq!(reported, !quiet.contains(&route), "{route}: {logged}");
                assert_eq!(get(worker, "/count").text(), "1", "{route}");
            }
        },
    );
}

pub(crate) fn exceptions_end_the_request_and_are_logged() {
    let source = r#"
import sys

class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")

class Odd:
    @property
    def close(self):
        raise KeyError("looking for close")
    def __iter__(self):
        return iter([b"fine"])

def application(environ, start_response):
    route = environ["PATH_INFO"][1:]
    if route == "before":
        raise KeyError("before the head")
    if route == "exit":
        sys.exit(3)
    if route == "unprintable":
        raise Unprintable
    write = start_response("200 OK", [("A", "b")])
    if route == "started":
        raise KeyError("after start_response")
    if route == "written":
        write(b"part")
        raise KeyError("after write")
    if route == "odd":
        return Odd()
    if route == "cause":
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise KeyError("outer") from error
    return [b"fine"]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            for (route, code, text, started) in [
                ("before", "WSGI0174", "KeyError: 'before the head'", false),
                (
                    "started",
                    "WSGI0174",
                    "KeyError: 'after start_response'",
                    false,
                ),
                ("written", "WSGI0174", "KeyError: 'after write'", true),
                ("exit", "WSGI0175", "SystemExit: 3", false),
                ("unprintable", "WSGI0174", "Unprintable", false),
                (
                    "cause",
                    "WSGI0174",
                    "ZeroDivisionError: division by zero",
                    false,
                ),
            ] {
                log();
                let exchange = get(worker, &format!("/{route}"));
                assert_eq!(exchange.failure, Some(Failure::Application), "{route}");
                assert_eq!(exchange.status.is_some(), started, "{route}");
                let logged = log();
                assert!(
                    logged.contains(code) && logged.contains(text),
                    "{route}: {logged}"
                );
                assert!(logged.contains("site_under_test.py"), "{route}: {logged}");
                // The thread and its objects serve on.
                assert_eq!(get(worker, "/fine").text(), "fine");
            }
            log();
            let exchange = get(worker, "/odd");
            assert_eq!((exchange.failure, exchange.text().as_str()), (None, "fine"));
            assert!(log().contains("KeyError: 'looking for close'"));
        },
    );
}
