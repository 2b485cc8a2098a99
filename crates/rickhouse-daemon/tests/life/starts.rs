//! How a daemon process begins.

use std::fs;

use rickhouse_daemon::exit;
use rickhouse_os::process::is_root;

use crate::Scene;
use crate::client::{Request, get, head};
use crate::daemon::Daemon;

pub(crate) const SCENES: &[Scene] = &[
    ("python_that_does_not_start", python_fails),
    ("a_home_that_is_not_there", no_home),
    ("what_the_process_changes_about_itself", changes),
    ("what_cannot_be_changed_is_a_warning", warnings),
    ("an_import_that_hangs_is_ended_by_force", hanging_import),
    (
        "what_is_asked_during_an_import_is_done_after_it",
        slow_import,
    ),
    ("chroot", chroot),
    (
        "a_rest_comes_behind_the_change_of_identity",
        rests_as_somebody,
    ),
    (
        "a_rest_after_a_set_up_that_failed_comes_before_it",
        rests_before,
    ),
    ("row_78_a_service_script_runs_and_the_process_ends", service),
];

fn python_fails() {
    let daemon = Daemon::start(&["python=does not start"]);
    let text = "Python initialisation failed in daemon process 'g': no module named encodings";
    daemon.check_end(exit::PYTHON_FAILED, &[text]);
    let daemon = Daemon::start(&["python=does not prepare"]);
    let text = "Python child initialisation failed in daemon process 'g': no module named mod_wsgi code=\"WSGI0029\" level=\"crit\"";
    daemon.check_end(exit::PYTHON_FAILED, &[text]);
    assert!(exit::asks_for_patience(exit::PYTHON_FAILED));
    assert!(exit::asks_for_patience(exit::SETUP_FAILED));
    assert!(!exit::asks_for_patience(exit::CLEAN));
    assert!(!exit::asks_for_patience(exit::FORCED));
}

fn no_home() {
    let daemon = Daemon::start(&["home=/there/is/none"]);
    let texts = [
        "Starting daemon process 'g' with threads=2.",
        "Unable to change working directory to '/there/is/none': No such file or directory (os error 2). code=\"WSGI0009\" level=\"alert\"",
        "process left in unspecified state. code=\"WSGI0025\" level=\"alert\"",
    ];
    daemon.check_end(exit::SETUP_FAILED, &texts);
}

fn changes() {
    let daemon = Daemon::start(&[
        "home=/usr",
        "title=(wsgi:g)",
        "lang=C.UTF-8",
        "locale=C",
        "priority=3",
        "umask=27",
    ]);
    daemon.wait_for("engine: import in /usr with LANG=C.UTF-8");
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    let proc = format!("/proc/{}", daemon.pid());
    let line = fs::read(format!("{proc}/cmdline")).expect("readable");
    assert!(line.starts_with(b"(wsgi:g) "), "{}", line.escape_ascii());
    let status = fs::read_to_string(format!("{proc}/status")).expect("readable");
    assert!(status.contains("Umask:\t0027"));
    daemon.wait_until("no signal is blocked", || {
        // Making a thread blocks all of them for a moment.
        let status = fs::read_to_string(format!("{proc}/status"));
        status.is_ok_and(|status| status.contains("SigBlk:\t0000000000000000"))
    });
    let stat = fs::read_to_string(format!("{proc}/stat")).expect("readable");
    let fields = stat.rsplit_once(") ").expect("a name").1;
    assert_eq!(fields.split(' ').nth(16), Some("3"));
    daemon.signal("TERM");
    let texts = [
        "Setting LANG to 'C.UTF-8' for daemon process group 'g'.",
        "Setting locale to 'C' for daemon process group 'g'.",
        "Startup timeout is 0 seconds for daemon process 'g'.",
        "Deadlock timeout is 300 seconds for daemon process 'g'.",
        "Restart interval is 0 seconds for daemon process 'g'.",
        "Starting 2 threads in daemon process 'g'.",
    ];
    let log = daemon.check_end(exit::CLEAN, &texts);
    assert!(!log.iter().any(|line| line.contains("WARN")), "{log:#?}");
}

/// The file mode mask while it rests. It refuses requests meanwhile, and ends by a signal as if it had not begun.
fn umask_of_rest(when: &str) -> String {
    let daemon = Daemon::start(&[when, "umask=35"]);
    for _ in 0..2 {
        get(&daemon.path(), "/hello").expect(&["Fail(503)"]);
    }
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("readable");
    let mut lines = status.lines();
    let umask = lines.find_map(|line| line.strip_prefix("Umask:\t"));
    daemon.signal("TERM");
    let (status, log) = daemon.end();
    assert_eq!((status, log), (None, vec![]), "it has not started");
    umask.expect("a mask").to_owned()
}

fn rests_as_somebody() {
    assert_eq!(umask_of_rest("rest=after"), "0035");
}

fn rests_before() {
    assert_ne!(umask_of_rest("rest=before"), "0035");
}

fn warnings() {
    let daemon = Daemon::start(&["locale=xx_NOWHERE"]);
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    daemon.signal("TERM");
    daemon.check_end(exit::CLEAN, &["Unsupported locale setting 'xx_NOWHERE'"]);
}

fn hanging_import() {
    for signal in ["TERM", "USR1"] {
        let daemon = Daemon::start(&["python=waits for /no/such/file", "shutdown=50"]);
        daemon.wait_for("engine: import");
        daemon.signal(signal);
        let texts = [
            "Shutdown timeout expired; aborting daemon process 'g'.",
            "Exiting daemon process 'g'.",
        ];
        daemon.check_end(exit::FORCED, &texts);
    }
}

fn slow_import() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("go on");
    let python = format!("python=waits for {}", file.display());
    for shutdown in ["shutdown=60000", "shutdown=0"] {
        let daemon = Daemon::start(&[&python, shutdown]);
        daemon.wait_for("engine: import");
        daemon.signal("TERM");
        fs::write(&file, "").expect("writable");
        let texts = [
            "engine: stopping because of shutdown_signal",
            "engine: exit handlers",
        ];
        daemon.check_end(exit::CLEAN, &texts);
        fs::remove_file(&file).expect("ours");
    }
}

fn chroot() {
    let jail = tempfile::tempdir().expect("a folder");
    let root = jail.path().to_str().expect("text");
    let daemon = Daemon::start(&[&format!("chroot={root}")]);
    if !is_root() {
        daemon.check_end(
            exit::SETUP_FAILED,
            &["Unable to change root directory to", "WSGI0025"],
        );
        return;
    }
    daemon.wait_for("engine: import in / with");
    let path = daemon.path();
    let (inside, outside) = (format!("{root}/app.wsgi"), format!("{root}er/app.wsgi"));
    let mut request = Request::to("/environ");
    let environ = [
        (
            "SCRIPT_FILENAME",
            rickhouse_wire::Value::Text(inside.as_bytes()),
        ),
        ("DOCUMENT_ROOT", rickhouse_wire::Value::Text(b"/var/www")),
    ];
    request.environ = &environ;
    request.script = &inside;
    request.handler_script = "/handler.py";
    let answer = request.answer(&path, b"").text();
    assert!(
        answer.starts_with("SCRIPT_FILENAME=/app.wsgi\n"),
        "{answer}"
    );
    assert!(!answer.contains("DOCUMENT_ROOT"), "{answer}");
    assert!(
        answer.ends_with("script=/app.wsgi\nhandler=/handler.py"),
        "{answer}"
    );
    request.script = &outside;
    request.answer(&path, b"").expect(&[]);
    daemon.signal("TERM");
    let text = format!(
        "WSGI script '{outside}' is not located within chroot directory '{root}'. code=\"WSGI0081\""
    );
    daemon.check_end(exit::CLEAN, &[&text]);
}

fn service() {
    let daemon = Daemon::start(&["threads=0"]);
    let texts = [
        "Starting daemon process 'g' with threads=0.",
        "engine: import",
        "Stopping process 'g'.",
        "engine: exit handlers",
        "Exiting daemon process 'g'.",
    ];
    daemon.check_end(exit::CLEAN, &texts);
}
