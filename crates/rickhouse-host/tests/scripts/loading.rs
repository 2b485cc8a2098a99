//! Loading and reloading scripts (directives-and-daemon §5.12, §5.13, §14.3).

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rickhouse_host::Failure;
use rickhouse_host::scripts::{Ended, ProcessKind, Reload};

use crate::process::{Process, call};
use crate::support::MemoryExchange;

const COUNTING: &str = r#"
import os
os.environ["LOADS"] = str(int(os.environ.get("LOADS", "0")) + 1)
def application(environ, start_response):
    start_response("200 OK", [])
    return [os.environ["LOADS"].encode()]
"#;

/// Sets the file's modification time: some seconds after 1970.
fn touch(path: &Path, seconds: u64) {
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
        .expect("the file is ours");
}

pub(crate) fn modules_are_named_after_their_files() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "Named.wsgi",
        r#"
import sys
def application(environ, start_response):
    start_response("200 OK", [])
    module = sys.modules[__name__]
    facts = (__name__, __file__, module.__mtime__, type(module.__mtime__).__name__, __package__)
    return ["\n".join(map(str, facts)).encode()]
"#,
    );
    touch(&script, 1_000_000);
    let text = process.text("", &script);
    use md5::{Digest, Md5};
    let digest = Md5::digest(script.as_os_str().as_encoded_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = script.display();
    assert_eq!(
        text,
        format!("_mod_wsgi_{hex}\n{file}\n1000000000000\nint\nNone")
    );
}

/// Rows 54, 56: any difference, and a missing time.
pub(crate) fn changed_scripts_are_loaded_again() {
    let mut process = Process::start(|_| ());
    let script = process.script("counting.wsgi", COUNTING);
    touch(&script, 2_000_000);
    assert_eq!(process.text("", &script), "1");
    assert_eq!(process.text("", &script), "1");
    touch(&script, 1_000_000);
    assert_eq!(process.text("", &script), "2", "older counts as changed");
    touch(&script, 3_000_000);
    let unchanged = {
        let call = rickhouse_host::scripts::Call {
            reload: Reload::Off,
            ..call("", &script)
        };
        let mut exchange = MemoryExchange::get("/");
        let _ended = process.thread.handle(&call, &mut exchange);
        exchange.text()
    };
    assert_eq!(unchanged, "2", "reloading is off");
    assert_eq!(process.text("", &script), "3");
    let log = process.log.text();
    let file = script.display();
    assert!(
        log.contains(&format!(
            "info Reloading WSGI script '{file}' into main interpreter in embedded mode."
        )),
        "{log}"
    );

    // A request that has waited in httpd while another one loaded the script brings what was true before.
    for reload in [Reload::InPlace, Reload::Reject] {
        let late = rickhouse_host::scripts::Call {
            mtime: Some(1),
            reload,
            ..call("", &script)
        };
        let mut exchange = MemoryExchange::get("/");
        let ended = process.thread.handle(&late, &mut exchange);
        assert_eq!((ended, exchange.text().as_str()), (Ended::Responded, "3"));
    }

    let source = COUNTING.replace(
        "    start_response",
        "    globals().pop('__mtime__', None)\n    start_response",
    );
    let forgetful = process.script("forgetful.wsgi", &source);
    assert_eq!(process.text("", &forgetful), "4");
    assert_eq!(process.text("", &forgetful), "5");
    assert_eq!(process.text("", &forgetful), "6");
}

/// Row 55.
pub(crate) fn scripts_are_asked_whether_to_reload() {
    let mut process = Process::start(|_| ());
    let source = format!(
        r#"{COUNTING}
def reload_required(resource):
    if os.environ["ANSWER"] == "raise":
        raise RuntimeError("reload_required callback")
    os.environ["RESOURCE"] = resource
    return os.environ["ANSWER"] == "yes"
"#
    );
    let script = process.script("asked.wsgi", &source);
    let answer = process.script(
        "answer.wsgi",
        r#"
import os
def application(environ, start_response):
    os.environ["ANSWER"] = environ["PATH_INFO"][1:]
    start_response("200 OK", [])
    return [os.environ.get("RESOURCE", "").encode()]
"#,
    );
    let set = |process: &mut Process, text: &str| {
        let mut exchange = MemoryExchange::get(text);
        assert_eq!(
            process.thread.handle(&call("", &answer), &mut exchange),
            Ended::Responded
        );
        exchange.text()
    };
    set(&mut process, "/no");
    assert_eq!(process.text("", &script), "1");
    assert_eq!(process.text("", &script), "1");
    assert_eq!(
        set(&mut process, "/yes"),
        script.to_string_lossy(),
        "it was asked with the resource"
    );
    assert_eq!(process.text("", &script), "2");
    set(&mut process, "/raise");
    process.log.take();
    assert_eq!(process.text("", &script), "2");
    let log = process.log.text();
    assert!(
        log.contains("error RuntimeError: reload_required callback"),
        "{log}"
    );
    let once = process.script(
        "once.wsgi",
        &format!("{COUNTING}\nanswers = [True, False]\ndef reload_required(resource):\n    return answers.pop(0)\n"),
    );
    assert_eq!(process.text("site", &once), "3");
    assert_eq!(process.text("site", &once), "4", "it says so once");
}

pub(crate) fn daemons_leave_changed_scripts_to_their_successors() {
    let mut process = Process::start(|settings| {
        settings.process = ProcessKind::Daemon("one".to_owned());
    });
    let script = process.script("counting.wsgi", COUNTING);
    touch(&script, 1_000_000);
    assert_eq!(process.text("", &script), "1");
    touch(&script, 2_000_000);
    process.log.take();
    let call = rickhouse_host::scripts::Call {
        reload: Reload::Reject,
        ..call("", &script)
    };
    let mut exchange = MemoryExchange::get("/");
    let ended = process.thread.handle(&call, &mut exchange);
    assert_eq!(ended, Ended::Rejected);
    assert_eq!(
        (exchange.admitted, exchange.failure, exchange.status),
        (0, None, None)
    );
    let expected = format!(
        "info Forcing restart of daemon process 'one' due to modification of script '{}'.",
        script.display()
    );
    assert_eq!(process.log.take(), [expected]);
}

/// Row 58, and the words for each failure.
pub(crate) fn failures_are_told_and_tried_again() {
    let mut process = Process::start(|_| ());
    let table = [
        (
            "syntax.wsgi",
            "def (",
            "WSGI0105: Could not read or compile WSGI script 'F' for sub-interpreter 'site' in embedded mode.",
            "WSGI0174: [script S] SyntaxError exception raised processing WSGI script 'F' for sub-interpreter 'site' in embedded mode.",
        ),
        (
            "raising.wsgi",
            "raise ValueError('at import')",
            "WSGI0109: Unable to execute Python script file 'F'.",
            "WSGI0174: [script S] ValueError exception raised processing WSGI script 'F' for sub-interpreter 'site' in embedded mode.",
        ),
        (
            "exiting.wsgi",
            "raise SystemExit",
            "WSGI0107: SystemExit exception raised when doing exec of Python script file 'F'.",
            "WSGI0175: [script S] SystemExit exception raised by WSGI script 'F' for sub-interpreter 'site' in embedded mode; ignored.",
        ),
        (
            "absent.wsgi",
            "",
            "WSGI0089: Target WSGI script 'F' does not contain WSGI application 'application'.",
            "",
        ),
    ];
    for (name, source, failure, header) in table {
        let script = process.script(name, source);
        for _attempt in 0..2 {
            process.log.take();
            let (ended, exchange) = process.get("site", &script);
            assert_eq!(ended, Ended::NotFound, "{name}");
            assert_eq!(exchange.failure, Some(Failure::Application), "{name}");
            let log = process.log.text().replace(&*script.to_string_lossy(), "F");
            assert!(log.contains(failure), "{name}: {log}");
            assert!(log.contains(header), "{name}: {log}");
        }
        std::fs::write(&script, COUNTING).expect("the folder is ours");
        touch(&script, 1_000_000);
        assert_eq!(process.get("site", &script).0, Ended::Responded, "{name}");
    }
    let missing = process.folder.path().join("missing.wsgi");
    let (ended, _) = process.get("", &missing);
    assert_eq!(ended, Ended::NotFound);
    let log = process.log.text();
    assert!(log.contains("WSGI0105: "), "{log}");
    assert!(log.contains("error FileNotFoundError: "), "{log}");
}

pub(crate) fn import_scripts_are_loaded_once() {
    let mut process = Process::start(|_| ());
    let script = process.script("counting.wsgi", COUNTING);
    process.thread.import("", &script);
    process.thread.import("", &script);
    assert_eq!(process.text("", &script), "1");
    let broken = process.script("broken.wsgi", "raise ValueError('early')");
    process.log.take();
    process.thread.import("site", &broken);
    let log = process.log.text().replace(&*broken.to_string_lossy(), "F");
    for expected in [
        "info Creating sub-interpreter 'site' in embedded mode.",
        "error WSGI0110: Unable to execute Python script file 'F'.",
        "error WSGI0174: ValueError exception raised processing WSGI script 'F' for sub-interpreter 'site' in embedded mode.",
        "error ValueError: early",
    ] {
        assert!(
            log.lines().any(|line| line == expected),
            "{expected}: {log}"
        );
    }
    let exiting = process.script("exiting.wsgi", "raise SystemExit");
    process.thread.import("site", &exiting);
    let log = process.log.text();
    assert!(log.contains("WSGI0108: "), "{log}");
    assert!(!log.contains("WSGI0175"), "{log}");
}

/// Many threads want a script at once: it runs once, and nobody sees it half run.
pub(crate) fn one_thread_loads_and_the_others_wait() {
    let process = Process::start(|_| ());
    let script = process.script(
        "slow.wsgi",
        &format!("import time\ntime.sleep(0.2)\n{COUNTING}"),
    );
    let (scripts, script) = (&process.scripts, &script);
    std::thread::scope(|scope| {
        for number in 1..=4 {
            scope.spawn(move || {
                let mut thread = scripts.thread(number);
                let mut exchange = MemoryExchange::get("/");
                let ended = thread.handle(&call("site", script), &mut exchange);
                assert_eq!((ended, exchange.text().as_str()), (Ended::Responded, "1"));
            });
        }
    });
}
