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

/// Some threads print pieces of lines, through the one stream and its buffer.
const PRINT: &str = r#"
import threading

def application(environ, start_response):
    errors = environ["wsgi.errors"]
    def report(number):
        for _ in range(300):
            errors.buffer.write(b"<%d\n" % number * 3)
            errors.write(f"<{number}\n")
    threads = [threading.Thread(target=report, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start_response("200 OK", [])
    return []
"#;

pub(crate) fn lines_of_several_threads_stay_whole() {
    serve(
        PRINT,
        |_| (),
        |worker| {
            assert_eq!(get(worker, "/").failure, None);
            let log = log();
            for number in 0..4 {
                let line = format!("ERROR wsgi.errors: <{number}");
                let count = log.lines().filter(|found| *found == line).count();
                assert_eq!(count, 1200, "{line}");
            }
            assert_eq!(log.lines().count(), 4800);
        },
    );
}
