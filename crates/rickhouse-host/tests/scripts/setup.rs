//! What scripts find in their interpreters (directives-and-daemon §7.11, §9.3 to §9.5).

use rickhouse_host::scripts::{Ended, InterpreterSettings, ProcessKind, ProcessSettings, User};

use crate::process::{Process, call, virtual_environment};
use crate::support::MemoryExchange;

/// Checks expressions against the values they have in the interpreter `group`.
fn check(process: &mut Process, group: &str, table: &[(&str, &str)]) {
    for (expression, value) in table {
        assert_eq!(
            &process.evaluate(group, expression),
            value,
            "{group}: {expression}"
        );
    }
}

pub(crate) fn the_modules_say_what_the_server_is() {
    let mut process = Process::start(|settings| {
        settings.process = ProcessKind::Daemon("one".to_owned());
    });
    for group in ["", "site"] {
        check(
            &mut process,
            group,
            &[
                ("__import__('mod_wsgi').version", "(6, 1, 1)"),
                ("__import__('mod_wsgi').process_group", "one"),
                ("__import__('mod_wsgi').application_group", group),
                ("__import__('mod_wsgi').maximum_processes", "4"),
                ("__import__('mod_wsgi').threads_per_process", "3"),
                (
                    "__import__('mod_wsgi').FileWrapper is environ['wsgi.file_wrapper']",
                    "True",
                ),
                (
                    "__import__('mod_wsgi').__spec__",
                    "ModuleSpec(name='mod_wsgi', loader=None)",
                ),
                ("type(environ['wsgi.input'])", "<class 'mod_wsgi.Input'>"),
                (
                    "type(environ['wsgi.errors'].buffer)",
                    "<class 'mod_wsgi.Log'>",
                ),
                ("__import__('apache').version", "(2, 4, 57)"),
                ("__import__('apache').description", "Apache/2.4.57 (Test)"),
                ("__import__('apache').mpm_name", "event"),
                ("__import__('apache').build_date", "today"),
                ("__import__('apache').maximum_processes", "16"),
                ("__import__('apache').threads_per_process", "25"),
                ("sys.argv", "['mod_wsgi']"),
                (
                    "sys.stdout.name, sys.stderr.name",
                    "('<stdout>', '<stderr>')",
                ),
                ("type(sys.stdout.buffer)", "<class 'mod_wsgi.Log'>"),
            ],
        );
    }
    let main_thread =
        "__import__('threading').main_thread() is __import__('threading').current_thread()";
    check(&mut process, "", &[(main_thread, "True")]);
}

/// Also: a virtual environment is a home (§9.2).
pub(crate) fn installed_packages_are_adopted() {
    let (home, packages) = virtual_environment();
    let package = packages.join("mod_wsgi");
    std::fs::create_dir(&package).expect("the folder is ours");
    for (path, source) in [
        (package.join("__init__.py"), "version = 'package'"),
        (package.join("extra.py"), "name = 'extra'"),
        (packages.join("apache.py"), "mine = 1"),
    ] {
        std::fs::write(path, source).expect("the folder is ours");
    }
    let mut process = Process::start(|settings| {
        settings.init.program = None;
        settings.init.home = Some(home.path().to_owned());
    });
    let prefix = home.path().display().to_string();
    check(&mut process, "", &[("sys.prefix", prefix.as_str())]);
    check(
        &mut process,
        "site",
        &[
            ("__import__('mod_wsgi').version", "(6, 1, 1)"),
            ("__import__('mod_wsgi.extra').extra.name", "extra"),
            (
                "__import__('apache').mine, __import__('apache').version",
                "(1, (2, 4, 57))",
            ),
        ],
    );
    let log = process.log.take();
    let said = |text: &str| log.iter().filter(|line| *line == text).count();
    assert_eq!(
        said("info Imported existing 'mod_wsgi' Python extension module."),
        1
    );
    assert_eq!(said("info Imported 'apache' extension module."), 2);
    let expected = format!("info Python home set to '{prefix}' for embedded mode.");
    assert_eq!(said(&expected), 1);
}

pub(crate) fn standard_streams_are_the_log() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "printing.wsgi",
        r#"
import sys, threading
print("at import")
def application(environ, start_response):
    print("to stdout")
    sys.stderr.write("to std")
    environ["wsgi.errors"].write("err\n")
    sys.stdout.write("one\ntwo\n")
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
    sys.stdout.write("left over")
    start_response("200 OK", [])
    return [b""]
"#,
    );
    process.log.take();
    process.text("site", &script);
    let log: Vec<String> = process
        .log
        .take()
        .into_iter()
        .filter(|line| line.starts_with("error"))
        .collect();
    assert_eq!(
        log,
        [
            "error at import",
            "error [script S] to stdout",
            "error [script S] to stderr",
            "error [script S] one",
            "error [script S] two",
            "error [script S] bytes",
            "error from a thread",
            "error [script S] left over",
        ]
    );
}

pub(crate) fn the_log_is_for_its_request_only() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "keeping.wsgi",
        r#"
import sys, warnings
kept = []
def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/keep":
        kept.append(environ["wsgi.errors"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            environ["wsgi.errors"].buffer.write("text\n")
            environ["wsgi.errors"].buffer.write("again\n")
            environ["wsgi.errors"].buffer.writelines([b"lines\n"])
        return [ascii([(warning.category.__name__, str(warning.message)[:39]) for warning in caught]).encode()]
    facts = []
    log = kept[0].buffer
    for call in (lambda: log.write(b"x"), lambda: log.writelines([b"x"]), log.flush, lambda: log.writelines(5)):
        try:
            facts.append(call())
        except Exception as error:
            facts.append(f"{type(error).__name__}: {error}")
    facts += [log.closed, log.encoding, log.errors]
    try:
        environ["wsgi.errors"].buffer.writelines(5)
    except TypeError as error:
        facts.append(str(error))
    return ["\n".join(map(str, facts)).encode()]
"#,
    );
    let mut ask = |path: &str| {
        let mut exchange = MemoryExchange::get(path);
        let ended = process.thread.handle(&call("", &script), &mut exchange);
        assert_eq!(ended, Ended::Responded, "{}", process.log.text());
        exchange.text()
    };
    assert_eq!(
        ask("/keep"),
        "[('DeprecationWarning', 'Writing str to wsgi.errors.buffer / sys')]"
    );
    assert_eq!(
        ask("/use").lines().collect::<Vec<_>>(),
        [
            "RuntimeError: write() called on wsgi.errors after request completed",
            "RuntimeError: writelines() called on wsgi.errors after request completed",
            "None",
            "RuntimeError: writelines() called on wsgi.errors after request completed",
            "False",
            "utf-8",
            "replace",
            "writelines() argument must be an iterable of bytes-like objects",
        ]
    );
    let log = process.log.text();
    for line in [
        "error [script S] text",
        "error [script S] again",
        "error [script S] lines",
    ] {
        assert!(log.lines().any(|other| other == line), "{line}: {log}");
    }
}

pub(crate) fn streams_can_be_restricted() {
    let restricted = InterpreterSettings {
        restrict_stdin: true,
        restrict_stdout: true,
        ..InterpreterSettings::default()
    };
    let mut process = Process::start(|settings: &mut ProcessSettings| {
        settings.interpreter = Box::new(move |group| match group {
            "restricted" => restricted.clone(),
            _ => InterpreterSettings::default(),
        });
    });
    let table = [
        (
            "sys.stdin.read",
            "OSError: sys.stdin access restricted by mod_wsgi",
        ),
        (
            "sys.stdout.write",
            "OSError: sys.stdout access restricted by mod_wsgi",
        ),
        ("type(sys.stdin)", "<class 'mod_wsgi.Restricted'>"),
        ("sys.stderr.name", "<stderr>"),
    ];
    check(&mut process, "restricted", &table);
    check(&mut process, "free", &[("sys.stdout.name", "<stdout>")]);
}

pub(crate) fn a_single_process_keeps_its_terminal() {
    let mut process = Process::start(|settings| {
        settings.replace_streams = false;
        settings.interpreter = Box::new(|_| InterpreterSettings {
            restrict_stdin: true,
            restrict_stdout: true,
            ..InterpreterSettings::default()
        });
    });
    let table = [
        (
            "sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__",
            "(True, True)",
        ),
        ("sys.stderr.name", "<stderr>"),
    ];
    check(&mut process, "", &table);
}

/// Row 59.
pub(crate) fn signal_handlers_are_not_installed() {
    let mut process = Process::start(|settings| {
        settings.interpreter = Box::new(|group| InterpreterSettings {
            restrict_signal: group != "free",
            ..InterpreterSettings::default()
        });
    });
    for group in ["", "site"] {
        let table = [
            (
                "type(__import__('signal').signal)",
                "<class 'mod_wsgi.SignalIntercept'>",
            ),
            ("__import__('signal').signal(15, print) is print", "True"),
            ("__import__('signal').getsignal(15) is print", "False"),
            (
                "__import__('signal').signal('TERM', print)",
                "TypeError: 'str' object cannot be interpreted as an integer",
            ),
        ];
        check(&mut process, group, &table);
        let log = process.log.take();
        let ignored = "info Ignoring Python signal handler registration for signal 15 in WSGI process; mod_wsgi manages signals.";
        let place = log.iter().position(|line| line == ignored);
        let place = place.unwrap_or_else(|| panic!("{log:?}"));
        assert!(
            log[place + 1]
                .starts_with("info Registration in file \"<string>\", line 1, in <module>"),
            "{log:?}"
        );
    }
    // In a process that the application forked, the real function is called.
    let forked = "[__import__('signal').signal.__dict__.__setitem__('_pid', 0), __import__('signal').signal(10, 0)][1] + 0";
    check(&mut process, "", &[(forked, "0")]);
    let free = "__import__('signal').signal.__name__";
    check(&mut process, "free", &[(free, "signal")]);
}

pub(crate) fn the_environment_is_corrected() {
    let mut process = Process::start(|settings| {
        settings.process = ProcessKind::Daemon("one".to_owned());
        settings.user = Some(User {
            name: "somebody".into(),
            home: "/home/somebody".into(),
        });
        settings.python_eggs = Some("/var/eggs".into());
    });
    let names =
        "sorted({os.environ.get(name, 'somebody') for name in ('USER', 'USERNAME', 'LOGNAME')})";
    let table = [
        (names, "['somebody']"),
        ("os.environ['HOME']", "/home/somebody"),
        ("os.environ['PYTHON_EGG_CACHE']", "/var/eggs"),
    ];
    for group in ["", "site"] {
        check(&mut process, group, &table);
    }
}
