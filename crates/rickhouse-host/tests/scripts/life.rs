//! The life of a process: start, request timeouts, stop (directives-and-daemon §4.5, §4.6, §9.2, §9.7).

use std::time::{Duration, Instant};

use rickhouse_host::scripts::{Ended, ProcessKind, Scripts, StartError};
use rickhouse_host::{Failure, HashSeed};

use crate::process::{self, Process, call};
use crate::support::MemoryExchange;

pub(crate) fn python_is_configured() {
    let mut process = Process::start(|settings| {
        settings.init.optimize = 2;
        settings.init.dont_write_bytecode = true;
        settings.init.hash_seed = HashSeed::Fixed(7);
        settings.init.warnings = vec![b"ignore::UserWarning".to_vec(), b"error".to_vec()];
    });
    for (expression, value) in [
        ("sys.flags.optimize", "2"),
        ("sys.dont_write_bytecode", "True"),
        ("sys.warnoptions", "['ignore::UserWarning', 'error']"),
        ("sys.flags.hash_randomization", "1"),
        ("sys.flags.isolated, sys.flags.ignore_environment", "(0, 0)"),
        ("'site' in sys.modules", "True"),
    ] {
        assert_eq!(process.evaluate("", expression), value, "{expression}");
    }
    println!("{}", process.evaluate("", "hash('rickhouse')"));
}

/// Row 60: random means random, whatever the environment says.
pub(crate) fn hash_seeds() {
    let ask = |seed: &str| {
        let program = std::env::current_exe().expect("the test program knows its path");
        let output = std::process::Command::new(program)
            .args(["--child", "hash_of_a_text"])
            .env("SEED", seed)
            .env("PYTHONHASHSEED", "1")
            .output()
            .expect("the test program can be run again");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(ask("7"), ask("7"));
    assert_eq!(ask(""), ask(""), "PYTHONHASHSEED is honoured");
    assert_ne!(ask("7"), ask(""));
    assert_ne!(ask("random"), ask("random"));
}

/// See [`hash_seeds`].
pub(crate) fn hash_of_a_text() {
    let Ok(seed) = std::env::var("SEED") else {
        crate::runner::not_applicable("a helper of hash_seeds");
    };
    let mut process = Process::start(|settings| {
        settings.init.hash_seed = match seed.as_str() {
            "" => HashSeed::Environment,
            "random" => HashSeed::Random,
            seed => HashSeed::Fixed(seed.parse().expect("a number")),
        };
    });
    println!("{}", process.evaluate("", "hash('rickhouse')"));
}

pub(crate) fn python_that_does_not_start_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let missing = folder.path().join("missing");
    let mut settings = process::settings();
    settings.process = ProcessKind::Daemon("one".to_owned());
    settings.init.warnings = vec![b"a\0b".to_vec()];
    settings.init.home = Some(missing.clone());
    let log = process::Log::new(&settings);
    let outcome = Scripts::start(settings, std::sync::Arc::clone(&log) as _);
    assert!(matches!(outcome, Err(StartError::Python(_))));
    let text = log.text();
    let shown = missing.display();
    for expected in [
        format!("info Python home set to '{shown}' for daemon process 'one'."),
        format!("warn WSGI0100: Unable to stat Python home '{shown}'."),
        "info Initializing Python runtime in daemon process 'one'".to_owned(),
        "crit WSGI0036: Python interpreter configuration failed in daemon process 'one': "
            .to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected}: {text}");
    }
}

/// A request that runs for too long is interrupted once, and told about with its stack.
pub(crate) fn late_requests_are_interrupted_once() {
    let mut process = Process::start(|settings| {
        settings.process = ProcessKind::Daemon("one".to_owned());
        settings.request_timeout = Some(Duration::from_millis(1200));
        settings.interrupt_timeout = Duration::from_secs(60);
    });
    let script = process.script(
        "late.wsgi",
        r#"
import time
def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/swallow":
        swallowed = 0
        # One call inside the `try`: an exception that comes between two of them would leave the loop.
        try:
            spin(30)
        except BaseException:
            swallowed += 1
        # Long enough for another one, if there were one.
        spin(0.5)
        return [f"swallowed {swallowed}".encode()]
    spin(30)
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
"#,
    );
    let mut ask = |path: &str, age: u64| {
        let mut exchange = MemoryExchange::get(path);
        let call = rickhouse_host::scripts::Call {
            age: Duration::from_millis(age),
            ..call("site", &script)
        };
        let began = Instant::now();
        let ended = process.thread.handle(&call, &mut exchange);
        (ended, exchange, process.log.take(), began.elapsed())
    };
    let (ended, exchange, log, _) = ask("/", 0);
    assert_eq!(
        (ended, exchange.failure),
        (Ended::TimedOut, Some(Failure::Timeout))
    );
    let begin = log
        .iter()
        .position(|line| line.starts_with("info Dumping stack trace"));
    let begin = begin.unwrap_or_else(|| panic!("{log:?}"));
    assert_eq!(
        log[begin],
        "info Dumping stack trace for thread 0 of daemon process 'one' which has exceeded request-timeout of 1 seconds, before injecting RequestTimeout to unwind it."
    );
    let file = script.display();
    assert!(log[begin + 1].starts_with("info Thread "), "{log:?}");
    assert!(
        log[begin + 1].contains(&format!("executing file \"{file}\", line ")),
        "{log:?}"
    );
    assert!(log[begin + 2].starts_with(&format!("info called from file \"{file}\", line ")));
    assert!(log[begin + 2].ends_with(", in application."), "{log:?}");
    let injected = "info Injected RequestTimeout into thread 0 of daemon process 'one'.";
    assert!(log.iter().any(|line| line == injected), "{log:?}");
    let recovered = "info [script S] Request interrupted by RequestTimeout; thread recovered.";
    assert_eq!(log.last().map(String::as_str), Some(recovered));

    let (ended, exchange, log, _) = ask("/swallow", 0);
    assert_eq!(
        (ended, exchange.text().as_str()),
        (Ended::Responded, "swallowed 1")
    );
    let count = log.iter().filter(|line| *line == injected).count();
    assert_eq!(count, 1, "{log:?}");

    let (ended, _, _, took) = ask("/", 1_000_000);
    assert_eq!(ended, Ended::TimedOut);
    assert!(
        took < Duration::from_millis(1200),
        "it began long ago: {took:?}"
    );
}

/// With an interrupt timeout of zero requests are left alone, and reported as stuck for the daemon to act.
pub(crate) fn stuck_requests_can_be_seen() {
    let process = Process::start(|settings| {
        settings.request_timeout = Some(Duration::from_millis(50));
        settings.interrupt_timeout = Duration::ZERO;
    });
    let script = process.script(
        "stuck.wsgi",
        r#"
import os, time
def application(environ, start_response):
    while not os.path.exists(environ["QUERY_STRING"]):
        time.sleep(0.01)
    start_response("200 OK", [])
    return [b"done"]
"#,
    );
    let flag = process.folder.path().join("flag");
    let watch = process.scripts.watch();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            tell.send(rickhouse_python::ThreadIdent::current().as_u64())
                .expect("the test listens");
            let mut thread = process.scripts.thread(7);
            let mut exchange = MemoryExchange::get("/");
            exchange.entries[3].1 = flag.as_os_str().as_encoded_bytes().to_vec();
            let ended = thread.handle(&call("site", &script), &mut exchange);
            assert_eq!(
                (ended, exchange.text().as_str()),
                (Ended::Responded, "done")
            );
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let reports = watch.report();
            let stuck = reports
                .iter()
                .find_map(|(group, report)| Some((group.as_str(), report.stuck.first()?.thread)));
            if let Some(stuck) = stuck {
                assert_eq!(stuck, ("site", 7));
                break;
            }
            assert!(Instant::now() < deadline, "{reports:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let dump = |number| {
            process.log.take();
            watch.dump_stacks(number);
            process.log.take()
        };
        let (dumped, ident) = (dump(7), told.recv().expect("the thread tells"));
        assert_eq!(
            dumped[0],
            "info Dumping stack trace for active Python threads of sub-interpreter 'site' in embedded mode."
        );
        // It sleeps, or looks for the file.
        let first = format!("info Thread {ident} executing file \"");
        assert!(dumped[1].starts_with(&first), "{dumped:?}");
        let outermost = dumped.last().map_or("", String::as_str);
        let place = format!("file \"{}\", line ", script.display());
        let ends = ["in application", "in application."].map(|end| outermost.ends_with(end));
        assert!(
            outermost.contains(&place) && ends != [false; 2],
            "{dumped:?}"
        );
        assert_eq!(
            dump(6),
            [
                "info Stack-trace dump skipped: no offending application group was recorded for embedded mode."
            ]
        );
        std::fs::write(&flag, "").expect("the folder is ours");
    });
}

const EXITING: &str = r#"
import atexit, os
@atexit.register
def leave():
    with open(os.path.join(os.path.dirname(__file__), "left"), "a") as file:
        file.write(__name__[:5])
    raise ValueError("at exit")
def application(environ, start_response):
    start_response("200 OK", [])
    return [b""]
"#;

pub(crate) fn stopping_runs_exit_handlers_and_ends_python() {
    let mut process = Process::start(|_| ());
    let script = process.script("exiting.wsgi", EXITING);
    process.text("", &script);
    process.text("site", &script);
    // A thread that was there, keeps its thread states, and ends after the stop.
    let (ready, wait) = std::sync::mpsc::channel();
    let (go, stopped) = std::sync::mpsc::channel::<()>();
    let (scripts, path) = (std::sync::Arc::clone(&process.scripts), script.clone());
    let late = std::thread::spawn(move || {
        let mut thread = scripts.thread(1);
        let mut exchange = MemoryExchange::get("/");
        let before = thread.handle(&call("site", &path), &mut exchange);
        ready.send(()).expect("the test waits");
        let _over = stopped.recv();
        let mut exchange = MemoryExchange::get("/");
        let after = thread.handle(&call("site", &path), &mut exchange);
        (before, after, exchange.failure)
    });
    wait.recv().expect("the thread serves");
    process.log.take();
    process.scripts.stop(&mut process.thread, true);
    go.send(()).expect("the thread waits");
    let outcome = late.join().expect("the thread ends");
    assert_eq!(
        outcome,
        (Ended::Responded, Ended::Stopped, Some(Failure::Application))
    );
    let left = std::fs::read_to_string(process.folder.path().join("left")).expect("handlers ran");
    assert_eq!(left, "_mod__mod_");
    let log = process.log.text();
    for expected in [
        "info Destroying Python sub-interpreters in embedded mode.",
        "info Destroying sub-interpreter 'site' in embedded mode.",
        "error ValueError: at exit",
        "info Python runtime has shut down in embedded mode.",
    ] {
        assert!(
            log.lines().any(|line| line == expected),
            "{expected}: {log}"
        );
    }
    process.scripts.stop(&mut process.thread, true);
    assert!(process.log.take().is_empty(), "once is enough");
}

pub(crate) fn exit_handlers_can_be_left_out() {
    let mut process = Process::start(|_| ());
    let script = process.script("exiting.wsgi", EXITING);
    process.text("site", &script);
    process.log.take();
    process.scripts.stop(&mut process.thread, false);
    assert!(!process.folder.path().join("left").exists());
    assert!(process.log.take().is_empty());
    let (ended, _) = process.get("site", &script);
    assert_eq!(ended, Ended::Stopped);
}

/// A service script runs on the main thread, SIGTERM is its way out, and `SystemExit` its normal end.
pub(crate) fn service_scripts_end_by_sigterm() {
    let mut process = Process::start(|settings| {
        settings.process = ProcessKind::Daemon("service".to_owned());
        settings.threads_per_process = 0;
        settings.interpreter = Box::new(|_| rickhouse_host::scripts::InterpreterSettings {
            restrict_signal: false,
            ..Default::default()
        });
    });
    let script = process.script(
        "service.py",
        r#"
import os, signal, time
os.kill(os.getpid(), signal.SIGTERM)
while True:
    time.sleep(1)
"#,
    );
    process.thread.exit_on_sigterm();
    process.log.take();
    process.thread.import("", &script);
    let log = process.log.take();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("info Loading WSGI script '"), "{log:?}");
}
