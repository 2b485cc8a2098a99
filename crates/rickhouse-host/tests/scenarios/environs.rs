//! The environ dictionary, and what is kept of it from one request to the next.

use std::collections::BTreeMap;

use rickhouse_host::Value;

use crate::support::{MemoryExchange, get, serve};

pub(crate) fn the_environ_is_complete() {
    let source = r#"
import io, sys
def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/types":
        ours = {key: type(value).__name__ for key, value in environ.items() if key.startswith("wsgi.")}
        return [repr(sorted(ours.items())).encode()]
    if environ["PATH_INFO"] == "/exact":
        texts = {type(value) for key, value in environ.items() if not key.startswith("wsgi.")}
        return [repr([type(environ) is dict, texts == {str}, {type(key) for key in environ} == {str}]).encode()]
    if environ["PATH_INFO"] == "/latin":
        return [repr(environ["HTTP_X"]).encode("ascii", "backslashreplace")]
    keys = ("version", "url_scheme", "multithread", "multiprocess", "run_once", "input_terminated")
    return [repr([environ["wsgi." + key] for key in keys]).encode()]
"#;
    let change = |settings: &mut rickhouse_host::Settings| {
        settings.threads = 2;
        settings.multiprocess = true;
    };
    serve(source, change, |worker| {
        assert_eq!(
            get(worker, "/").text(),
            "[(1, 0), 'http', True, True, False, True]"
        );
        let mut secure = MemoryExchange::get("/");
        secure.https = true;
        worker.handle(&mut secure);
        assert_eq!(secure.text(), "[(1, 0), 'https', True, True, False, True]");
        assert_eq!(
            get(worker, "/").text(),
            "[(1, 0), 'http', True, True, False, True]"
        );
        assert_eq!(
            get(worker, "/types").text(),
            "[('wsgi.errors', 'TextIOWrapper'), ('wsgi.file_wrapper', 'type'), ('wsgi.input', 'Input'), \
             ('wsgi.input_terminated', 'bool'), ('wsgi.multiprocess', 'bool'), ('wsgi.multithread', 'bool'), \
             ('wsgi.run_once', 'bool'), ('wsgi.url_scheme', 'str'), ('wsgi.version', 'tuple')]"
        );
        assert_eq!(get(worker, "/exact").text(), "[True, True, True]");
        let mut latin = MemoryExchange::get("/latin");
        latin
            .entries
            .push((b"HTTP_X".to_vec(), b"caf\xc3\xa9 \xff".to_vec()));
        worker.handle(&mut latin);
        assert_eq!(latin.text(), "'caf\\xc3\\xa9 \\xff'");
    });
}

/// Shows the CGI entries, and then spoils the dictionary.
const SHOW: &str = r#"
def application(environ, start_response):
    start_response("200 OK", [])
    shown = "\n".join(f"{key}={value}" for key, value in sorted(environ.items()) if not key.startswith("wsgi."))
    for key in list(environ):
        environ[key] = "spoiled"
    environ["HTTP_ADDED"] = "by the application"
    return [shown.encode("latin-1")]
"#;

/// Requests of many shapes in a random order: each shows exactly its own entries.
pub(crate) fn values_never_outlive_their_request() {
    serve(
        SHOW,
        |_| (),
        |worker| {
            let mut seed = 7_u64;
            let mut below = |limit: u64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) % limit
            };
            for number in 0..4000 {
                let mut exchange = MemoryExchange::get(&format!("/{}", below(3)));
                // Few headers in few orders, so that remembered shapes fit, part in the middle, and end early.
                for _ in 0..below(5) {
                    let name = format!("HTTP_H{}", below(4));
                    let value = match below(6) {
                        0 => String::new(),
                        1 => "v".repeat(20_000),
                        value => format!("value {}", value % 3),
                    };
                    exchange
                        .entries
                        .push((name.into_bytes(), value.into_bytes()));
                }
                if below(20) == 0 {
                    exchange
                        .entries
                        .push((b"wsgi.multithread".to_vec(), b"forged".to_vec()));
                }
                // Values that are no texts, and one that comes in the place of a text now and then.
                for _ in 0..below(4) {
                    let name = ["start", "count", "HTTP_H0", "HTTP_H1"][below(4) as usize];
                    let value = [Value::Int(number), Value::None, Value::Text(b"extra")];
                    exchange.extras.push((name, value[below(3) as usize]));
                }
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ASCII");
                // Of a repeated key the last one counts.
                let mut expected: BTreeMap<String, String> = exchange
                    .entries
                    .iter()
                    .filter(|(key, _)| !key.starts_with(b"wsgi."))
                    .map(|(key, value)| (text(key), text(value)))
                    .collect();
                for (key, value) in &exchange.extras {
                    let value = match value {
                        Value::Int(number) => number.to_string(),
                        Value::None => "None".to_owned(),
                        _ => "extra".to_owned(),
                    };
                    expected.insert((*key).to_owned(), value);
                }
                let expected: Vec<String> = expected
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                exchange.room = 1 << 20;
                worker.handle(&mut exchange);
                assert_eq!(exchange.text(), expected.join("\n"), "request {number}");
            }
        },
    );
}

/// A value that the request before had is not made again, though an entry takes the place of a constant, as
/// `mod_wsgi.process_group` does below httpd.
pub(crate) fn values_are_made_once_while_they_stay_the_same() {
    const COMPARE: &str = r#"
kept = []
def application(environ, start_response):
    kept.append(dict(environ))
    start_response("200 OK", [])
    same = [key for key in ("HTTP_KEPT", "wsgi.multithread", "HTTP_NEW") if kept[0][key] is kept[-1][key]]
    return [" ".join(same + [environ["HTTP_NEW"], str(environ["count"])]).encode()]
"#;
    serve(
        COMPARE,
        |_| (),
        |worker| {
            for (new, shown) in [
                ("first", "HTTP_KEPT wsgi.multithread HTTP_NEW first 7"),
                ("second", "HTTP_KEPT wsgi.multithread second 7"),
            ] {
                let mut exchange = MemoryExchange::get("/");
                for (key, value) in [
                    ("wsgi.multithread", "in the place of a constant"),
                    ("HTTP_KEPT", "as it was before"),
                    ("HTTP_NEW", new),
                ] {
                    exchange.entries.push((key.into(), value.into()));
                }
                exchange.extras.push(("count", Value::Int(7)));
                worker.handle(&mut exchange);
                assert_eq!(exchange.text(), shown);
            }
        },
    );
}

pub(crate) fn names_of_clients_do_not_grow_memory() {
    serve(
        SHOW,
        |_| (),
        |worker| {
            let mut ask = |number: u32| {
                let mut exchange = MemoryExchange::get("/");
                for header in 0..20 {
                    let name = format!("HTTP_X_{number}_{header}_{}", "N".repeat(200));
                    exchange.entries.push((name.into_bytes(), vec![b'v'; 200]));
                }
                exchange.room = 1 << 20;
                worker.handle(&mut exchange);
                assert!(exchange.text().contains(&format!("HTTP_X_{number}_19")));
            };
            (0..1000).for_each(&mut ask);
            let before = resident_kib();
            (1000..4000).for_each(&mut ask);
            let grown = resident_kib().saturating_sub(before);
            // 3000 requests with 20 names of 200 bytes are 12 MB.
            assert!(grown < 2048, "grown by {grown} KiB");
        },
    );
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1))
        .and_then(|number| number.parse().ok())
        .expect("VmRSS is a number of KiB")
}
