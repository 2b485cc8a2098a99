//! Objects of a request that an application keeps, or hands to other threads.

use crate::support::{MemoryExchange, get, log, serve};

pub(crate) fn objects_end_with_their_request() {
    let source = r#"
kept = []
def application(environ, start_response):
    route = environ["PATH_INFO"][1:]
    write = start_response("200 OK", [])
    if route != "use":
        things = dict(environ=environ, input=environ["wsgi.input"], errors=environ["wsgi.errors"],
                      log=environ["wsgi.errors"].buffer, start_response=start_response, write=write,
                      read=environ["wsgi.input"].read, adapter=start_response.__self__)
        kept.append(things if route == "keep" else {route: things[route]})
        return [b"kept"]
    outcomes = []
    def attempt(function):
        try:
            outcomes.append(repr(function()))
        except Exception as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    for things in kept:
        uses = dict(
            input=[lambda i: i.read(), lambda i: i.readline(), lambda i: i.readlines(), next, lambda i: i.close()],
            errors=[lambda e: e.write("x"), lambda e: e.flush()], log=[lambda e: e.write(b"x")], start_response=[lambda s: s("200 OK", [])],
            write=[lambda w: w(b"x")], read=[lambda r: r()], adapter=[lambda a: a.start_response("200 OK", [])],
            environ=[lambda e: e["PATH_INFO"]])
        for name, thing in things.items():
            for use in uses[name]:
                attempt(lambda: use(thing))
    kept.clear()
    return ["\n".join(outcomes).encode()]
"#;
    let texts = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| format!("RuntimeError: {name} after request completed"))
            .collect()
    };
    let input = texts(&[
        "read() called on wsgi.input",
        "readline() called on wsgi.input",
        "readlines() called on wsgi.input",
        "iteration of wsgi.input attempted",
        "close() called on wsgi.input",
    ]);
    let errors = [
        texts(&["write() called on wsgi.errors"]),
        vec!["None".to_owned()],
    ]
    .concat();
    let log = texts(&["write() called on wsgi.errors"]);
    let start = texts(&["start_response() called"]);
    let write = texts(&["write() called"]);
    let read = texts(&["read() called on wsgi.input"]);
    let all = [
        vec!["'/keep'".to_owned()],
        input.clone(),
        errors.clone(),
        log.clone(),
        start.clone(),
        write.clone(),
        read.clone(),
        start.clone(),
    ]
    .concat();
    serve(
        source,
        |_| (),
        move |worker| {
            let table = [
                ("keep", all),
                ("input", input),
                ("errors", errors),
                ("log", log),
                ("start_response", start.clone()),
                ("write", write),
                ("read", read),
                ("adapter", start),
            ];
            for (route, expected) in table {
                // Twice, so that the second request would reuse what the first one gave away.
                for _ in 0..2 {
                    let exchange = get(worker, &format!("/{route}"));
                    assert_eq!(
                        (exchange.failure, exchange.text().as_str()),
                        (None, "kept"),
                        "{route}"
                    );
                }
                let outcomes = get(worker, "/use").text();
                let outcomes: Vec<&str> = outcomes.lines().collect();
                assert_eq!(outcomes, [&expected[..], &expected[..]].concat(), "{route}");
            }
        },
    );
}

pub(crate) fn objects_that_nobody_kept_are_used_again() {
    let source = r#"
def application(environ, start_response):
    start_response("200 OK", [])
    things = (environ["wsgi.input"], environ["wsgi.errors"], start_response.__self__)
    return [repr([id(thing) for thing in things]).encode()]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let first = get(worker, "/").text();
            for _ in 0..5 {
                assert_eq!(get(worker, "/").text(), first);
            }
        },
    );
}

pub(crate) fn a_log_is_as_new_for_each_request() {
    let source = r#"
kept = []
def application(environ, start_response):
    errors = environ["wsgi.errors"]
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/use":
        state = [errors.encoding, errors.errors, errors.line_buffering, errors.write_through, vars(errors),
                 sorted(vars(errors.buffer))]
        errors.write("h\xe9\n")
        return [repr(state).encode()]
    exec(environ["QUERY_STRING"])
    return [b"done"]
"#;
    let what_was_done = [
        ("pass", ""),
        ("errors.reconfigure(encoding='ascii', errors='strict')", ""),
        ("errors.reconfigure(newline='\\r\\n')", ""),
        (
            "errors.reconfigure(line_buffering=False, write_through=False); errors.write('late\\n')",
            "late",
        ),
        ("errors.mine = errors.buffer.mine = 1", ""),
        (
            "kept.append(vars(errors)); kept.append(vars(errors.buffer))",
            "",
        ),
        ("kept[0]['mine'] = kept[1]['mine'] = 1", ""),
        ("errors.write('unfinished')", "unfinished"),
        ("errors.detach().write(b'detached')", "detached"),
        ("errors.close()", ""),
    ];
    serve(
        source,
        |_| (),
        move |worker| {
            log();
            let state = get(worker, "/use").text();
            let line = log();
            let fresh = "['utf-8', 'replace', True, True, {}, [";
            assert!(state.starts_with(fresh), "{state}");
            for (code, record) in what_was_done {
                log();
                let mut exchange = MemoryExchange::get("/do");
                exchange.entries[3].1 = code.as_bytes().to_vec();
                worker.handle(&mut exchange);
                assert_eq!(exchange.text(), "done", "{code}: {}", log());
                let written = log();
                let written: Vec<&str> = written
                    .lines()
                    .filter_map(|line| line.strip_prefix("ERROR wsgi.errors: "))
                    .collect();
                assert_eq!(written.concat(), record, "{code}");
                assert_eq!(get(worker, "/use").text(), state, "{code}");
                assert_eq!(log(), line, "{code}");
            }
        },
    );
}

pub(crate) fn another_thread_may_read_the_body() {
    let source = r#"
import threading
results = []
def application(environ, start_response):
    stream = environ["wsgi.input"]
    if environ["PATH_INFO"] == "/results":
        start_response("200 OK", [])
        return [repr(results).encode()]
    def read():
        try:
            results.append(len(stream.read()))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    thread = threading.Thread(target=read)
    thread.start()
    if environ["PATH_INFO"] == "/join":
        thread.join()
    start_response("200 OK", [])
    return [b"done"]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            let mut joined = MemoryExchange::get("/join").with_body(&[b'x'; 5000]);
            joined.read_size = 10;
            worker.handle(&mut joined);
            assert_eq!(joined.text(), "done");
            assert_eq!(get(worker, "/results").text(), "[5000]");
            // A thread that reads on while its request ends reads the body or gets an exception, and never another's.
            for _ in 0..50 {
                let mut exchange = MemoryExchange::get("/leave").with_body(&[b'x'; 5000]);
                exchange.read_size = 10;
                worker.handle(&mut exchange);
                assert_eq!((exchange.failure, exchange.text().as_str()), (None, "done"));
            }
            let results = loop {
                let results = get(worker, "/results").text();
                if results.matches(',').count() == 50 {
                    break results;
                }
            };
            for result in results.trim_matches(['[', ']']).split(", ") {
                assert!(
                    result == "5000" || result.contains("after request completed"),
                    "{result}"
                );
            }
        },
    );
}
