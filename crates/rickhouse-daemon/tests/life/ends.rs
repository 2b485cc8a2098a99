//! How a daemon process ends.

use std::time::Duration;

use rickhouse_daemon::exit;

use crate::Scene;
use crate::client::{Request, get, head, read, read_until};
use crate::daemon::Daemon;

pub(crate) const SCENES: &[Scene] = &[
    ("a_signal_ends_it_after_the_running_request", terminated),
    (
        "nobody_accepts_once_the_stop_has_begun",
        nobody_accepts_at_the_end,
    ),
    (
        "row_90_a_changed_script_sends_the_child_elsewhere",
        script_changed,
    ),
    (
        "row_90_nobody_accepts_once_a_request_was_rejected",
        nobody_accepts_once_a_request_was_rejected,
    ),
    ("row_89_what_does_not_end_is_ended_by_force", forced),
    (
        "row_83_a_graceful_end_waits_for_requests_and_takes_new_ones",
        graceful,
    ),
    ("row_69_a_graceful_timeout_of_zero", graceful_without_time),
    ("a_drain_ends_at_its_deadline", drain_expires),
    ("maximum_requests", maximum_requests),
    (
        "row_67_the_request_timeout_needs_no_other_timer",
        request_timeout,
    ),
    ("row_70_the_restart_interval", restart_interval),
    ("inactivity", inactivity),
    ("row_74_the_startup_timer", startup),
    ("a_silent_interpreter", deadlock),
    ("signals_reach_the_application", signals),
];

const STOPPING: [&str; 4] = [
    "Shutdown requested for daemon process 'g'.",
    "Stopping process 'g'.",
    "engine: exit handlers",
    "Exiting daemon process 'g'.",
];

fn terminated() {
    for signal in ["TERM", "INT"] {
        let daemon = Daemon::start(&[]);
        let held = Request::to("/hold/the stop").send(&daemon.path(), b"");
        daemon.wait_for("engine: holding the stop");
        daemon.signal(signal);
        let answer = read(&held).expect(&[&head(Some(8)), "End"]);
        assert_eq!(answer.text(), "released");
        let mut texts = STOPPING.to_vec();
        texts.insert(1, "engine: stopping because of shutdown_signal");
        texts.insert(2, "engine: handler ");
        daemon.check_end(exit::CLEAN, &texts);
    }
}

/// What comes then waits in the queue, for a sibling or the successor; here there is neither.
fn nobody_accepts_at_the_end() {
    let daemon = Daemon::start(&["shutdown=0"]);
    let path = daemon.path();
    let held = Request::to("/hold/x").send(&path, b"");
    daemon.wait_for("engine: holding x");
    daemon.wait_until_accepting(1);
    daemon.signal("TERM");
    daemon.wait_for("engine: stopping because of shutdown_signal");
    daemon.wait_until_accepting(0);
    let queued = Request::to("/release/x").send(&path, b"");
    assert!(!daemon.accepts_within(Duration::from_millis(50)));
    drop((held, queued));
    daemon.signal("KILL");
    daemon.end();
}

fn script_changed() {
    let daemon = Daemon::start(&[]);
    get(&daemon.path(), "/reject").expect(&["Rejected"]);
    let mut texts = STOPPING.to_vec();
    texts.insert(1, "engine: stopping because of script_reload");
    daemon.check_end(exit::CLEAN, &texts);
}

/// As many threads wait for a connection as there are; the child's next attempt must reach none of them.
fn nobody_accepts_once_a_request_was_rejected() {
    let daemon = Daemon::start(&["threads=8", "one-gil=no", "shutdown=0"]);
    let path = daemon.path();
    let held = Request::to("/hold/x").send(&path, b"");
    daemon.wait_for("engine: holding x");
    daemon.wait_until_accepting(7);
    let rejected = Request::to("/reject").send(&path, b"");
    read_until(&rejected, "Rejected").expect(&["Rejected"]);
    assert!(
        !daemon.accepts_within(Duration::ZERO),
        "it would be rejected again"
    );
    drop(held);
    daemon.signal("KILL");
    daemon.end();
}

fn forced() {
    let daemon = Daemon::start(&["shutdown=100"]);
    let held = Request::to("/hold/x").send(&daemon.path(), b"");
    daemon.wait_for("engine: holding x");
    daemon.signal("TERM");
    let texts = [
        "Shutdown requested for daemon process 'g'.",
        "Shutdown timeout expired; aborting daemon process 'g'.",
        "Exiting daemon process 'g'.",
    ];
    let log = daemon.check_end(exit::FORCED, &texts);
    assert!(!log.iter().any(|line| line.contains("exit handlers")));
    read(&held).expect(&[]);
}

fn graceful() {
    let daemon = Daemon::start(&["graceful=60000"]);
    let path = daemon.path();
    let held = Request::to("/hold/x").send(&path, b"");
    daemon.wait_for("engine: holding x");
    daemon.signal("USR1");
    daemon.wait_for("Graceful restart requested; waiting for in-flight requests to complete in daemon process 'g'.");
    get(&path, "/hello").expect(&[&head(Some(12)), "End"]);
    get(&path, "/release/x").expect(&[&head(Some(4)), "End"]);
    assert_eq!(read(&held).text(), "released");
    let mut texts = STOPPING.to_vec();
    texts.insert(
        0,
        "Requests have completed; triggering immediate shutdown of daemon process 'g'.",
    );
    texts.insert(2, "engine: stopping because of graceful_signal");
    daemon.check_end(exit::CLEAN, &texts);
}

fn graceful_without_time() {
    let daemon = Daemon::start(&["graceful=0", "shutdown=100"]);
    let _held = Request::to("/hold/x").send(&daemon.path(), b"");
    daemon.wait_for("engine: holding x");
    daemon.signal("USR1");
    let text = "Graceful restart requested; triggering immediate shutdown of daemon process 'g'.";
    daemon.check_end(exit::FORCED, &[text]);
}

fn drain_expires() {
    let daemon = Daemon::start(&["eviction=100", "shutdown=100"]);
    let _held = Request::to("/hold/x").send(&daemon.path(), b"");
    daemon.wait_for("engine: holding x");
    daemon.signal("USR1");
    let texts = [
        "Process eviction requested; waiting for in-flight requests to complete in daemon process 'g'.",
        "Daemon process restart timer expired in daemon process 'g'; forcing shutdown.",
        "engine: stopping because of eviction_signal",
    ];
    daemon.check_end(exit::FORCED, &texts);
}

fn maximum_requests() {
    let daemon = Daemon::start(&["maximum=3"]);
    for _ in 0..3 {
        get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    }
    let texts = [
        "Maximum requests reached; triggering immediate shutdown of daemon process 'g'.",
        "engine: stopping because of maximum_requests",
    ];
    daemon.check_end(exit::CLEAN, &texts);

    let daemon = Daemon::start(&["maximum=1"]);
    let path = daemon.path();
    let held = Request::to("/hold/x").send(&path, b"");
    daemon.wait_for("engine: holding x");
    get(&path, "/hello").expect(&[&head(Some(12)), "End"]);
    daemon
        .wait_for("Maximum requests reached; attempting graceful shutdown of daemon process 'g'.");
    get(&path, "/hello").expect(&[&head(Some(12)), "End"]);
    get(&path, "/release/x").expect(&[&head(Some(4)), "End"]);
    assert_eq!(read(&held).text(), "released");
    let log = daemon.check_end(
        exit::CLEAN,
        &["Requests have completed; triggering immediate shutdown"],
    );
    let repeated = log
        .iter()
        .filter(|line| line.contains("attempting graceful"))
        .count();
    assert_eq!(repeated, 1, "row 68");
}

fn request_timeout() {
    let daemon = Daemon::start(&["request=50", "deadlock=600000", "shutdown=100"]);
    let _held = Request::to("/hold/x").send(&daemon.path(), b"");
    let texts = [
        "engine: holding x",
        "Daemon process request time limit exceeded, stopping daemon process 'g'.",
        "engine: stopping because of request_timeout",
        "engine: stacks of ",
        "Shutdown timeout expired; aborting daemon process 'g'.",
    ];
    daemon.check_end(exit::FORCED, &texts);
}

fn restart_interval() {
    let daemon = Daemon::start(&["restart=50"]);
    let texts = [
        "Application restart timer expired, stopping process 'g'.",
        "engine: stopping because of restart_interval",
    ];
    daemon.check_end(exit::CLEAN, &texts);
}

fn inactivity() {
    let daemon = Daemon::start(&["inactivity=50"]);
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    let texts = [
        "Daemon process idle inactivity timer expired, stopping process 'g'.",
        "engine: stopping because of inactivity_timeout",
    ];
    daemon.check_end(exit::CLEAN, &texts);
}

fn startup() {
    let daemon = Daemon::start(&["startup=50"]);
    get(&daemon.path(), "/unloadable").expect(&["Fail(500)"]);
    let texts = [
        "Application startup timer started for daemon process 'g'.",
        "Application startup timer expired, stopping daemon process 'g'.",
        "engine: stopping because of startup_timeout",
    ];
    daemon.check_end(exit::CLEAN, &texts);

    let daemon = Daemon::start(&["startup=60000"]);
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    daemon.wait_for("Application startup timer started for daemon process 'g'.");
    daemon.wait_for("Application startup timer cancelled for daemon process 'g'.");
    daemon.signal("TERM");
    daemon.check_end(
        exit::CLEAN,
        &["engine: stopping because of shutdown_signal"],
    );
}

fn deadlock() {
    // The timer looks at the interpreters as often as it may have to act.
    let daemon = Daemon::start(&["deadlock=100"]);
    get(&daemon.path(), "/silence/200").expect(&[&head(Some(6)), "End"]);
    let texts = [
        "Daemon process deadlock timer expired, stopping daemon process 'g'.",
        "engine: stopping because of deadlock_timeout",
    ];
    daemon.check_end(exit::CLEAN, &texts);
}

fn signals() {
    let daemon = Daemon::start(&[]);
    daemon.wait_for_lines("Starting thread", 2);
    daemon.signal("HUP");
    daemon.wait_for("engine: signal SIGHUP");
    daemon.signal("USR2");
    daemon.wait_for("engine: signal SIGUSR2");
    get(&daemon.path(), "/hello").expect(&[&head(Some(12)), "End"]);
    daemon.signal("TERM");
    daemon.check_end(exit::CLEAN, &STOPPING);
}
