//! Interpreters by name (directives-and-daemon §3, §9, §14.3).

use std::sync::Barrier;

use rickhouse_host::scripts::{Ended, InterpreterSettings, ProcessKind, ProcessSettings};

use crate::process::{Process, call};
use crate::runner;
use crate::support::MemoryExchange;

/// Makes every interpreter with these settings.
fn everywhere(settings: InterpreterSettings) -> impl FnOnce(&mut ProcessSettings) {
    move |process| process.interpreter = Box::new(move |_| settings.clone())
}

fn own_gil() -> InterpreterSettings {
    InterpreterSettings {
        own_gil: true,
        ..InterpreterSettings::default()
    }
}

/// Answers with a place in memory that every interpreter has for itself, the group, and how often the thread was here.
const WHERE: &str = r#"
import mod_wsgi, sys, threading
local = threading.local()
def application(environ, start_response):
    start_response("200 OK", [])
    local.count = getattr(local, "count", 0) + 1
    return [f"{id(sys.modules)} {mod_wsgi.application_group} {local.count}".encode()]
"#;

/// Rows 50 and 64: interpreters are made on first use, by any thread, while others serve, and entered by several threads.
pub(crate) fn threads_make_and_share_interpreters() {
    let process = Process::start(|_| ());
    let script = process.script("where.wsgi", WHERE);
    let (scripts, script, begin) = (&process.scripts, &script, &Barrier::new(4));
    let serve = |number: usize| {
        move || {
            let mut thread = scripts.thread(number);
            begin.wait();
            ["one", "two", "", "one", "two", ""].map(|group| {
                let mut exchange = MemoryExchange::get("/");
                let ended = thread.handle(&call(group, script), &mut exchange);
                assert_eq!(ended, Ended::Responded);
                exchange.text()
            })
        }
    };
    let answers: Vec<[String; 6]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=4).map(|number| scope.spawn(serve(number))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("the thread serves")
        };
        threads.into_iter().map(join).collect()
    });
    for answer in &answers {
        assert_eq!(
            answer, &answers[0],
            "all threads are sent to the same interpreters"
        );
    }
    let [one, two, main, one_again, ..] = &answers[0];
    assert!(one.ends_with(" one 1"), "{one}");
    assert!(two.ends_with(" two 1"), "{two}");
    assert!(main.ends_with("  1"), "{main}");
    assert!(
        one_again.ends_with(" one 2"),
        "thread-local data stays: {one_again}"
    );
    let log = process.log.take();
    for group in ["one", "two"] {
        let line = format!("info Creating sub-interpreter '{group}' in embedded mode.");
        assert_eq!(
            log.iter().filter(|other| **other == line).count(),
            1,
            "{group}"
        );
    }
}

pub(crate) fn interpreters_can_have_a_gil_of_their_own() {
    let mut process = Process::start(everywhere(own_gil()));
    if process.version() < (3, 12, 0) {
        runner::not_applicable("no GIL per interpreter before 3.12");
    }
    let script = process.script(
        "where.wsgi",
        &format!("import datetime, decimal, json\n{WHERE}"),
    );
    assert!(process.text("one", &script).ends_with(" one 1"));
    assert!(process.text("two", &script).ends_with(" two 1"));
    assert!(process.text("", &script).ends_with("  1"));
    let log = process.log.text();
    let line = if process.is_free_threaded() {
        "warn WSGI0202: Skipping per-interpreter GIL for sub-interpreter 'two' in embedded mode; free-threading is active."
    } else {
        "info Creating sub-interpreter 'two' in embedded mode with own GIL."
    };
    assert!(log.contains(line), "{log}");
}

/// Two requests that compute at the same time, each in an interpreter of its own: one runs while the other holds its GIL.
pub(crate) fn one_group_can_have_several_copies() {
    let process = Process::start(everywhere(InterpreterSettings {
        copies: 2,
        ..own_gil()
    }));
    if process.version() < (3, 12, 0) {
        runner::not_applicable("no GIL per interpreter before 3.12");
    }
    let script = process.script("where.wsgi", WHERE);
    let ask = |number: usize, group: &str| {
        let mut thread = process.scripts.thread(number);
        let mut exchange = MemoryExchange::get("/");
        let ended = thread.handle(&call(group, &script), &mut exchange);
        assert_eq!(ended, Ended::Responded, "{}", process.log.text());
        exchange.text()
    };
    let [one, two, three] = [1, 2, 3].map(|number| ask(number, "site"));
    assert_eq!(
        one, three,
        "threads are spread over the copies by their numbers"
    );
    assert_ne!(one, two);
    assert!(two.ends_with(" site 1"), "{two}");
    assert_eq!(ask(4, ""), ask(5, ""), "the main interpreter exists once");

    let imported = process.script("imported.wsgi", WHERE);
    process.log.take();
    process.scripts.thread(6).import("site", &imported);
    let loadings = process.log.take();
    assert_eq!(
        loadings.len(),
        2,
        "each copy loads for itself: {loadings:?}"
    );
}

/// Row 66.
pub(crate) fn every_interpreter_has_its_own_request_timeout() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "class.wsgi",
        r#"
import mod_wsgi
def application(environ, start_response):
    if environ["PATH_INFO"] == "/raise":
        raise mod_wsgi.RequestTimeout
    start_response("200 OK", [])
    cls = mod_wsgi.RequestTimeout
    return [f"{cls.__module__}.{cls.__name__} {cls.__bases__} {id(cls)}".encode()]
"#,
    );
    let (one, two) = (process.text("one", &script), process.text("two", &script));
    assert_ne!(one, two);
    assert!(
        one.starts_with("mod_wsgi.RequestTimeout (<class 'BaseException'>,) "),
        "{one}"
    );
    let mut exchange = MemoryExchange::get("/raise");
    let ended = process.thread.handle(&call("two", &script), &mut exchange);
    assert_eq!(ended, Ended::TimedOut);
}

const INTERVAL: &str = r#"
import sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{sys.getswitchinterval():.6f}".encode()]
"#;

fn interval(seconds: f64) -> InterpreterSettings {
    InterpreterSettings {
        switch_interval: Some(seconds),
        ..InterpreterSettings::default()
    }
}

/// What is resolved for an interpreter outranks what the process starts with.
pub(crate) fn the_switch_interval_of_a_process_comes_first() {
    let mut process = Process::start(|process| {
        process.process = ProcessKind::Daemon("one".to_owned());
        process.switch_interval = Some(0.003);
        process.interpreter = Box::new(|group| match group {
            "" => interval(0.002),
            _ => InterpreterSettings::default(),
        });
    });
    if process.is_free_threaded() {
        let log = process.log.text();
        assert!(
            log.contains(
                "warn WSGI0204: Skipping WSGISwitchInterval 0.003000s in daemon process 'one'"
            ),
            "{log}"
        );
        return;
    }
    let log = process.log.text();
    let line =
        "info mod_wsgi: Python GIL switch interval set to 0.003000s in daemon process 'one'.";
    assert!(log.contains(line), "{log}");
    let script = process.script("interval.wsgi", INTERVAL);
    assert_eq!(process.text("", &script), "0.002000");
    assert_eq!(process.text("sub", &script), "0.002000");
}

pub(crate) fn switch_intervals_reach_what_they_may() {
    let mut process = Process::start(|process| {
        process.interpreter = Box::new(|group| match group {
            "process" => interval(0.004),
            "own" => InterpreterSettings {
                own_gil: true,
                ..interval(0.007)
            },
            _ => InterpreterSettings::default(),
        });
    });
    if process.is_free_threaded() {
        let script = process.script("interval.wsgi", INTERVAL);
        process.text("process", &script);
        let log = process.log.text();
        assert!(log.contains("warn WSGI0205: Skipping per-interpreter switch interval 0.004000s for sub-interpreter 'process'"), "{log}");
        return;
    }
    let script = process.script("interval.wsgi", INTERVAL);
    assert_eq!(process.text("", &script), "0.005000", "CPython's own");
    assert_eq!(process.text("process", &script), "0.004000");
    let log = process.log.text();
    assert!(
        log.contains("info Set switch interval 0.004000s for sub-interpreter 'process'."),
        "{log}"
    );
    if process.version() >= (3, 12, 0) {
        assert_eq!(process.text("own", &script), "0.007000");
        assert_eq!(process.text("", &script), "0.004000", "the others' GIL");
    }
}

/// Row 63.
pub(crate) fn search_paths_are_layered() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [base, extra, layer, deeper, home] =
        ["base", "extra", "layer", "deeper", "home"].map(|name| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).expect("the folder is ours");
            path
        });
    std::fs::write(base.join("more.pth"), format!("{}\n", extra.display())).expect("ours");
    let layers = vec![vec![layer.clone()], vec![deeper.clone()]];
    let mut process = Process::start(|process| {
        process.base_path = vec![base.clone()];
        process.home = Some(home.clone());
        process.interpreter = Box::new(move |_| InterpreterSettings {
            python_path: layers.clone(),
            ..InterpreterSettings::default()
        });
    });
    let script = process.script(
        "path.wsgi",
        r#"
import sys
def application(environ, start_response):
    start_response("200 OK", [])
    return ["\n".join(sys.path[:5]).encode()]
"#,
    );
    let expected = [&home, &deeper, &layer, &base, &extra].map(|path| path.display().to_string());
    for group in ["", "site"] {
        assert_eq!(process.text(group, &script), expected.join("\n"), "{group}");
    }
    let line = format!(
        "info Adding '{}' to Python module search path for embedded mode.",
        base.display()
    );
    assert!(process.log.take().contains(&line));
}

/// A failure costs the requests for that interpreter; each tries again, and with the same interpreter, since none can be
/// taken back.
pub(crate) fn failed_set_ups_are_tried_again() {
    let mut process = Process::start(|process| {
        process.interpreter = Box::new(|group| match group {
            "broken" => interval(-1.0),
            _ => InterpreterSettings::default(),
        });
    });
    if process.is_free_threaded() {
        runner::not_applicable("no switch interval, hence no wrong one");
    }
    let script = process.script("where.wsgi", WHERE);
    for created in [1, 0] {
        process.log.take();
        let (ended, exchange) = process.get("broken", &script);
        assert_eq!(ended, Ended::NotFound);
        assert_eq!(exchange.failure, Some(rickhouse_host::Failure::Application));
        let log = process.log.take();
        let count = |text: &str| log.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!(
            count("info Creating sub-interpreter 'broken'"),
            created,
            "{log:?}"
        );
        for expected in [
            "crit WSGI0035: Unable to setup sub-interpreter 'broken' in embedded mode.",
            "error WSGI0188: ValueError exception raised during Python interpreter initialisation for sub-interpreter 'broken' in embedded mode.",
            "error ValueError: switch interval must be strictly positive",
            "error WSGI0103: Python based handlers will not be available for sub-interpreter 'broken' in embedded mode.",
            "error [script S] WSGI0087: Unable to acquire sub-interpreter 'broken' for WSGI request handler in embedded mode.",
        ] {
            assert_eq!(count(expected), 1, "{expected}: {log:?}");
        }
    }
    assert!(process.text("", &script).ends_with("  1"));
}
