//! Loading applications, and the life of interpreters.

use std::time::{Duration, Instant};

use rickhouse_host::{HostError, Interpreters, LoadFailure, Source, Worker};

use crate::runner::not_applicable;
use crate::support::{MemoryExchange, application, get, log, python, serve, settings, start};

/// Whether the Python under test has a GIL per interpreter; asks for its version without starting it.
fn has_own_gil() -> bool {
    version() >= (3, 12)
}

fn version() -> (u32, u32) {
    let python = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    let output = std::process::Command::new(python)
        .args(["-c", "import sys; print(*sys.version_info[:2])"])
        .output()
        .expect("the Python under test runs");
    let text = String::from_utf8(output.stdout).expect("numbers are text");
    let mut numbers = text
        .split_whitespace()
        .map(|part| part.parse().expect("a number"));
    (
        numbers.next().expect("major"),
        numbers.next().expect("minor"),
    )
}

/// Tries several targets in one interpreter: a failed load leaves nothing behind but its own mess.
pub(crate) fn failures_say_what_to_do() {
    let cases: [(&str, Option<&str>, bool, &str); 9] = [
        (
            "other = 1",
            None,
            false,
            "has neither 'application' nor 'app'; name the callable as",
        ),
        (
            "x = 1",
            Some("nothing"),
            false,
            "has no attribute 'nothing'",
        ),
        (
            "class A: pass",
            Some("A.b.c"),
            false,
            "has no attribute 'b'",
        ),
        (
            "application = 5",
            None,
            false,
            "site_under_test.py:application is not callable: int",
        ),
        (
            "application = 5",
            Some("application"),
            false,
            "application is not callable: int",
        ),
        (
            "def make(): return 5",
            Some("make"),
            true,
            "make() is not callable: int",
        ),
        ("1 / 0", None, false, "ZeroDivisionError: division by zero"),
        ("def broken(:", None, false, "SyntaxError"),
        ("import sys; sys.exit(4)", None, false, "SystemExit: 4"),
    ];
    // One process each would be slow, and one interpreter starts once: sub-interpreters.
    let (runtime, mut main) = python();
    drop(main.attach(|py| runtime.new_interpreter(py, false)));
    for (source, attribute, call, expected) in cases {
        let text = load_in_child(source, attribute, call);
        assert!(text.contains(expected), "{source}: {text}");
    }
    let (_folder, mut path) = application("");
    path.set_file_name("missing.py");
    let mut settings = settings(path);
    let error = rickhouse_host::Host::start(runtime, main, &settings).map(drop);
    let text = failure(error).traceback;
    assert!(text.starts_with("there is no file /"), "{text}");
    settings.target.source = Source::Module("no_such_module".into());
}

fn failure(outcome: Result<(), HostError>) -> LoadFailure {
    match outcome {
        Err(HostError::Load(failure)) => *failure,
        Err(error) => panic!("another failure: {error}"),
        Ok(()) => panic!("it loaded"),
    }
}

/// Loads in a process of its own, which this program offers as a second way in.
fn load_in_child(source: &str, attribute: Option<&str>, call: bool) -> String {
    let program = std::env::current_exe().expect("the test program knows its path");
    let output = std::process::Command::new(program)
        .args(["--child", "load_from_environment"])
        .env("LOAD_SOURCE", source)
        .env("LOAD_ATTRIBUTE", attribute.unwrap_or_default())
        .env("LOAD_CALL", if call { "1" } else { "" })
        .output()
        .expect("the test program can be run again");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// See [`load_in_child`].
pub(crate) fn load_from_environment() {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let Some(source) = variable("LOAD_SOURCE") else {
        not_applicable("a helper of failures_say_what_to_do");
    };
    let outcome = start(&source, |settings| {
        settings.target.attribute = variable("LOAD_ATTRIBUTE");
        settings.target.call = variable("LOAD_CALL").is_some();
    });
    println!("{}", failure(outcome.map(drop)));
}

pub(crate) fn refused_extension_modules_are_explained() {
    if !has_own_gil() {
        not_applicable("a GIL per interpreter needs CPython 3.12");
    }
    let source = "
import os
import readline  # refuses

def application(environ, start_response):
    pass
";
    let outcome = start(source, |settings| {
        settings.interpreters = Interpreters::Own(1)
    });
    let failure = failure(outcome.map(drop));
    let refusal = failure
        .refusal
        .clone()
        .unwrap_or_else(|| panic!("not recognised: {failure}"));
    assert_eq!(refusal.module, "readline");
    assert!(
        refusal
            .import_line
            .ends_with("site_under_test.py:3: import readline  # refuses"),
        "{}",
        refusal.import_line
    );
    assert!(
        refusal.advice.contains("--gil shared"),
        "{}",
        refusal.advice
    );
    let text = failure.to_string();
    for part in [
        "does not support loading in subinterpreters",
        "It is needed by: ",
        "What to do: ",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

pub(crate) fn interpreters_are_prepared() {
    let source = r#"
import os, signal, sys, threading
def application(environ, start_response):
    start_response("200 OK", [])
    try:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        fork = "forked"
    except RuntimeError as error:
        fork = str(error)
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: None)
    same = signal.getsignal(signal.SIGTERM) is before
    return [repr([sys.path[1], round(sys.getswitchinterval(), 6), same, fork[:47]]).encode()]
"#;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let extra = folder.path().to_path_buf();
    let shown = extra.display().to_string();
    let change = |settings: &mut rickhouse_host::Settings| {
        settings.interpreters = Interpreters::Shared(1);
        settings.switch_interval = Some(Duration::from_millis(2));
        settings.python_path = vec![extra];
    };
    serve(source, change, |worker| {
        log();
        let text = get(worker, "/").text();
        assert_eq!(
            text,
            format!("['{shown}', 0.002, True, 'os.fork() is not possible in a sub-interpreter:']")
        );
        assert!(log().contains("was ignored: the server handles the signals of this process"));
    });
}

pub(crate) fn exit_handlers_run_in_every_interpreter() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let note = folder.path().join("notes");
    let source = format!(
        r#"
import atexit, sys, threading, time
mine = str(id(sys))
def note(text):
    with open({note:?} + mine, "a") as file:
        file.write(text + "\n")
def work():
    time.sleep(0.2)
    note("thread")
threading.Thread(target=work).start()
atexit.register(note, "handler")
@atexit.register
def fails():
    note("fails")
    raise KeyError("at exit")
def application(environ, start_response):
    pass
"#
    );
    let own = has_own_gil();
    let (host, _folder) = start(&source, |settings| {
        settings.interpreters = if own {
            Interpreters::Own(2)
        } else {
            Interpreters::Shared(2)
        };
    })
    .unwrap_or_else(|error| panic!("{error}"));
    host.stop();
    let notes: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder of the notes can be listed")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()))
        .collect::<Result<_, _>>()
        .expect("the handlers wrote them");
    // Threads are waited for first; handlers run last come first. Of two interpreters nothing is said.
    assert_eq!(notes, ["thread\nfails\nhandler\n"; 2]);
}

/// Without the imports that come first in the main interpreter, 3.12 and 3.13 free each other's memory here.
pub(crate) fn extension_modules_work_in_own_gil_interpreters() {
    if !has_own_gil() {
        not_applicable("a GIL per interpreter needs CPython 3.12");
    }
    let source = r#"
import asyncio, datetime, decimal, hashlib, importlib, json, random, re, sqlite3, ssl, struct, sys, uuid, zlib, zoneinfo
NAMES = ("datetime", "decimal", "hashlib", "json", "_json", "struct", "uuid", "zlib")
def application(environ, start_response):
    for name in NAMES:
        sys.modules.pop(name, None)
        globals()[name] = importlib.import_module(name)
    now = datetime.datetime.now(datetime.timezone.utc)
    late = now + datetime.timedelta(days=random.random())
    text = json.dumps({"now": now.isoformat(), "sum": str(decimal.Decimal(1) / 7), "id": str(uuid.uuid4())})
    digest = hashlib.sha256(text.encode()).hexdigest()
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a, b)")
    connection.execute("insert into t values (?, ?)", (digest, late.isoformat()))
    assert list(connection.execute("select count(*) from t")) == [(1,)]
    assert datetime.datetime.fromisoformat(late.isoformat()) == late
    assert asyncio.run(asyncio.sleep(0, "value")) == "value"
    assert zlib.decompress(zlib.compress(text.encode())).decode() == text
    start_response("200 OK", [("X-Digest", digest)])
    return [b"ok"]
"#;
    let (host, _folder) = start(source, |settings| {
        settings.interpreters = Interpreters::Own(3);
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let end = Instant::now() + Duration::from_secs(6);
    std::thread::scope(|scope| {
        for application in host.applications() {
            scope.spawn(move || {
                let mut worker = Worker::new(application, 0);
                let mut served = 0;
                while Instant::now() < end {
                    let mut exchange = MemoryExchange::get("/");
                    worker.handle(&mut exchange);
                    assert_eq!(exchange.text(), "ok", "{}", log());
                    served += 1;
                }
                assert!(served > 10);
            });
        }
    });
    host.stop();
}
