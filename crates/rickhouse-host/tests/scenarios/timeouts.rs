//! Request timeouts (engine.md §4.1).

use std::time::{Duration, Instant};

use rickhouse_host::{Failure, Settings, Worker};

use crate::support::{MemoryExchange, get, log, serve};

pub(crate) fn the_applications_own_timeout_is_a_504() {
    let source = r#"
import sys
RequestTimeout = sys.modules["_rickhouse"].RequestTimeout
def application(environ, start_response):
    route = environ["PATH_INFO"][1:]
    if route == "called":
        raise RequestTimeout
    write = start_response("200 OK", [])
    if route == "written":
        write(b"part")
        raise RequestTimeout("mine")
    if route == "started":
        raise RequestTimeout
    return iterate()
def iterate():
    raise RequestTimeout
    yield
"#;
    serve(
        source,
        |_| (),
        |worker| {
            for (path, started, text) in [
                (
                    "/called",
                    false,
                    "Request interrupted by RequestTimeout; thread recovered.",
                ),
                (
                    "/started",
                    false,
                    "Request interrupted by RequestTimeout; thread recovered.",
                ),
                (
                    "/iterated",
                    false,
                    "Request interrupted by RequestTimeout; thread recovered.",
                ),
                (
                    "/written",
                    true,
                    "Request interrupted by RequestTimeout after headers sent; response truncated.",
                ),
            ] {
                log();
                let exchange = get(worker, path);
                assert_eq!(exchange.failure, Some(Failure::Timeout), "{path}");
                assert_eq!(exchange.status.is_some(), started, "{path}");
                let logged = log();
                assert!(logged.contains(text), "{path}: {logged}");
                assert!(!logged.contains("Traceback"), "{path}: {logged}");
            }
        },
    );
}

const LOOPS: &str = r#"
import time
def application(environ, start_response):
    start_response("200 OK", [])
    return globals()[environ["PATH_INFO"][1:]](environ)

def spin(environ):
    while True:
        pass

def swallow(environ):
    for _ in range(3):
        try:
            while True:
                pass
        except:
            pass
    return [b"left"]

def generate(environ):
    yield b"part"
    while True:
        pass

def sleep(environ):
    time.sleep(0.5)
    return [b"slept"]

def quick(environ):
    end = time.monotonic() + float(environ["QUERY_STRING"] or 0)
    count = 0
    while time.monotonic() < end:
        count += 1
    return [b"quick"]

BODIES = [[b"held"]] * 7

HOLD = 400000

def hold(environ):
    # No call follows the computation: the request ends before another thread gets the GIL.
    return BODIES[3 ** HOLD % 7]

def longer(environ):
    global HOLD
    HOLD = HOLD * 3 // 2
    return [b"longer"]
"#;

fn timeout(milliseconds: u64) -> impl FnOnce(&mut Settings) {
    move |settings| settings.request_timeout = Some(Duration::from_millis(milliseconds))
}

fn quick(worker: &mut Worker, seconds: &str) -> MemoryExchange {
    let mut exchange = MemoryExchange::get("/quick");
    exchange.entries[3].1 = seconds.as_bytes().to_vec();
    worker.handle(&mut exchange);
    exchange
}

pub(crate) fn a_late_request_is_interrupted() {
    serve(LOOPS, timeout(300), |worker| {
        for (path, body) in [("/spin", ""), ("/generate", "part")] {
            log();
            let exchange = get(worker, path);
            assert_eq!(exchange.failure, Some(Failure::Timeout), "{path}");
            assert_eq!(exchange.text(), body, "{path}");
            let logged = log();
            assert!(logged.contains("exceeded the request timeout"), "{logged}");
            assert!(
                logged.contains("site_under_test.py\", line"),
                "the stack: {logged}"
            );
            // The thread serves on, again and again.
            for _ in 0..20 {
                assert_eq!(quick(worker, "0.002").text(), "quick");
            }
        }
        // A loop that swallows it is interrupted until it ends.
        assert_eq!(get(worker, "/swallow").text(), "left");
        // In C code it arrives when that returns, and at the latest is taken back with the request's end.
        let slept = get(worker, "/sleep");
        assert!(slept.failure == Some(Failure::Timeout) || slept.text() == "slept");
        for _ in 0..20 {
            assert_eq!(quick(worker, "0.002").text(), "quick");
        }
    });
}

/// The monitor finds a request late and waits for the GIL; when it gets in, the thread has gone on to the next one.
pub(crate) fn the_next_request_is_not_interrupted_instead() {
    /// Long, compared with the request that follows: that one is to be in time on a busy machine as well.
    const TIMEOUT: Duration = Duration::from_millis(750);
    /// More than the timeout and the monitor's pauses.
    const LATE: Duration = Duration::from_millis(1000);
    fn timed(work: impl FnOnce() -> MemoryExchange) -> (MemoryExchange, Duration) {
        let begin = Instant::now();
        let exchange = work();
        (exchange, begin.elapsed())
    }
    serve(LOOPS, timeout(750), |worker| {
        let mut followed = 0;
        for _ in 0..300 {
            let (_, held) = timed(|| get(worker, "/hold"));
            if held < LATE {
                // Until the application has found a computation that takes this machine long enough.
                get(worker, "/longer");
                continue;
            }
            let (next, took) = timed(|| quick(worker, "0.06"));
            if took >= TIMEOUT {
                // The machine is so busy that this one was late itself.
                continue;
            }
            assert_eq!((next.failure, next.text().as_str()), (None, "quick"));
            followed += 1;
            if followed == 2 {
                return;
            }
        }
        panic!("{followed} of 2 requests followed a late one and were in time");
    });
}
