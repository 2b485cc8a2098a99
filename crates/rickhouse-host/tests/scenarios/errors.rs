//! `wsgi.errors` (directives-and-daemon.md §7.11).

use crate::support::{get, log, serve};

pub(crate) fn lines_become_records() {
    let source = r#"
import io
def application(environ, start_response):
    errors = environ["wsgi.errors"]
    route = environ["PATH_INFO"][1:]
    start_response("200 OK", [])
    if route == "lines":
        errors.write("one\ntwo\n")
        errors.write("thr")
        errors.write("ee\n")
        errors.writelines(["four\n", "five\n", "caf\xe9 \udcff\n"])
        print("printed", "twice", file=errors)
        errors.buffer.write(b"bytes\n")
        errors.write("part")
        errors.flush()
        errors.write("rest")
    if route == "left":
        errors.write("left over")
    if route == "closed":
        errors.close()
        errors.write("after close\n")
    if route == "facts":
        log = errors.buffer
        try:
            errors.fileno()
        except OSError as error:
            fileno = str(error)
        facts = [isinstance(errors, io.TextIOWrapper), errors.name, errors.encoding, errors.errors,
                 errors.line_buffering, errors.write_through, log.isatty(), log.readable(), log.writable(),
                 log.seekable(), log.closed, fileno]
        return [repr(facts).encode()]
    return [b""]
"#;
    serve(
        source,
        |_| (),
        |worker| {
            log();
            get(worker, "/lines");
            let records: Vec<String> = log()
                .lines()
                .filter_map(|line| line.strip_prefix("ERROR wsgi.errors: ").map(str::to_owned))
                .collect();
            assert_eq!(
                records,
                [
                    "one",
                    "two",
                    "three",
                    "four",
                    "five",
                    "café ?",
                    "printed twice",
                    "bytes",
                    "part",
                    "rest"
                ]
            );
            // What has no newline is a record when the request ends, not a part of the next request's.
            get(worker, "/left");
            assert_eq!(log(), "ERROR wsgi.errors: left over\n");
            get(worker, "/closed");
            assert_eq!(log(), "ERROR wsgi.errors: after close\n");
            assert_eq!(
                get(worker, "/facts").text(),
                "[True, '<wsgi.errors>', 'utf-8', 'replace', True, True, False, False, True, False, False, \
             'wsgi.errors log object has no file descriptor']"
            );
        },
    );
}
