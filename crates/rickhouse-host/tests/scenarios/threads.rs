//! Requests that several threads of the application use at a time, as those of asynchronous frameworks do.

use crate::support::{MemoryExchange, get, log, serve};

/// Four threads read lines and write them back while the request's own thread writes, too.
const SHARE: &str = r#"
import threading

def application(environ, start_response):
    write, source = start_response("200 OK", []), environ["wsgi.input"]
    failures = []
    def echo():
        try:
            while line := source.readline():
                write(line)
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")
    threads = [threading.Thread(target=echo) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(200):
        write(f"own {number}\n".encode())
    for thread in threads:
        thread.join()
    return ["\n".join(failures).encode()]
"#;

pub(crate) fn threads_take_turns() {
    serve(
        SHARE,
        |_| (),
        |worker| {
            for read_size in [7, 64, usize::MAX] {
                let lines: Vec<String> = (0..1000).map(|n| format!("line {n:04}")).collect();
                let body = lines.join("\n") + "\n";
                let mut exchange = MemoryExchange::get("/").with_body(body.as_bytes());
                exchange.read_size = read_size;
                worker.handle(&mut exchange);
                let text = exchange.text();
                let (mut own, mut read): (Vec<&str>, Vec<&str>) =
                    text.lines().partition(|line| line.starts_with("own "));
                read.sort_unstable();
                assert_eq!(read, lines, "each line once, and whole");
                assert_eq!(own.len(), 200);
                let number = |line: &str| line[4..].parse::<u32>().expect("a number");
                assert!(own.is_sorted_by_key(|line| number(line)), "in their order");
                own.dedup();
                assert_eq!(own.len(), 200);
            }
        },
    );
}

/// A thread reads until it is told that the request is over.
const OUTLIVE: &str = r#"
import threading

told, readers = [], []
def read(source):
    try:
        while True:
            source.read(1)
    except RuntimeError as error:
        told.append(str(error))

def application(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "4")])
    if environ["PATH_INFO"] == "/told":
        for reader in readers:
            reader.join()
        write(str(len(told)).rjust(4).encode())
        expected = {"read() called on wsgi.input after request completed"}
        assert set(told) == expected, told
        return []
    readers.append(threading.Thread(target=read, args=(environ["wsgi.input"],)))
    readers[-1].start()
    return [b"done"]
"#;

pub(crate) fn a_thread_that_outlives_its_request_is_told_so() {
    serve(
        OUTLIVE,
        |_| (),
        |worker| {
            for _ in 0..20 {
                let mut exchange = MemoryExchange::get("/").with_body(&[b'x'; 500]);
                exchange.read_size = 10;
                worker.handle(&mut exchange);
                assert_eq!((exchange.failure, exchange.text().as_str()), (None, "done"));
            }
            let told = get(worker, "/told");
            assert_eq!((told.failure, told.text().as_str()), (None, "  20"));
        },
    );
}

/// Some threads write pieces of lines: all in the one log, whose lines they share.
const PRINT: &str = r#"
import threading

def application(environ, start_response):
    raw = environ["wsgi.errors"].buffer
    def report():
        for _ in range(2000):
            raw.write(b"<>")
            raw.write(b"<>\n<>")
    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start_response("200 OK", [])
    return []
"#;

pub(crate) fn nothing_that_several_threads_write_is_lost() {
    serve(
        PRINT,
        |_| (),
        |worker| {
            assert_eq!(get(worker, "/").failure, None);
            let log = log();
            let pieces = log.matches("<>").count();
            // The last piece has no newline, and comes at the request's end.
            assert_eq!((log.lines().count(), pieces), (8001, 24_000));
        },
    );
}
