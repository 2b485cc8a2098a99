"""Timers and limits of a daemon (DD 4.3 to 4.5; rows 35, 36, 67 to 75, 77, 89)."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon_server import REASON, pid, request_that_waits, start, wait_queued
from harness.wait import until


def expect_restart(server, old, words):
    """The process said why it ends, and another one took its place."""
    server.log.wait_for(words)
    (new,) = server.wait_daemons("g", 1, besides=(old,))
    assert pid(server) == new


def test_row_35_multiprocess_is_whether_the_option_was_given(httpd):
    assert start(httpd).get("/who").text.count('"multiprocess": false') == 1
    assert start(httpd, "processes=1").get("/who").text.count('"multiprocess": true') == 1


@pytest.mark.parametrize(
    ("options", "once", "threads"),
    [("threads=1 maximum-requests=1", "true", "false"), ("threads=1", "false", "false"),
     ("threads=2 maximum-requests=1", "false", "true"), ("threads=1 maximum-requests=2", "false", "false")],
)  # fmt: skip
def test_row_36_run_once(httpd, options, once, threads):
    server = start(httpd, options)
    text = server.get("/who").text
    assert f'"run_once": {once}' in text and f'"multithread": {threads}' in text


def test_maximum_requests(httpd):
    server = start(httpd, "threads=2 maximum-requests=3")
    old = {pid(server) for _ in range(3)}
    assert len(old) == 1
    server.log.wait_for(r"Maximum requests reached; triggering immediate shutdown of daemon process 'g'\.")
    assert pid(server) not in old


@pytest.mark.differs("row 68: the message comes with every request, and each pushes the deadline out")
def test_row_68_maximum_requests_under_load_is_said_once(httpd):
    server = start(httpd, "threads=4 maximum-requests=2 graceful-timeout=30")
    with request_that_waits(server):
        for _ in range(6):
            assert server.get("/pid").status == 200
        server.log.wait_for("Maximum requests reached; attempting graceful shutdown of daemon process 'g'")
        assert server.log.count("Maximum requests reached") == 1
    server.log.wait_for("Requests have completed; triggering immediate shutdown of daemon process 'g'")


def test_row_89_interrupted_requests_get_504_and_the_process_lives(httpd):
    server = start(httpd, "threads=2 request-timeout=1 interrupt-timeout=20")
    with request_that_waits(server) as answer:
        inside = pid(server)
        response = answer.result(40)
    assert (response.status, response.body) == (504, b"")
    for words in (
        r"Dumping stack trace for thread [01] of daemon process 'g' which has exceeded request-timeout of 1 seconds",
        r"Injected RequestTimeout into thread [01] of daemon process 'g'\.",
        r"Request interrupted by RequestTimeout; thread recovered\.",
    ):
        server.log.wait_for(words)
    assert server.recorded("interrupted") == ["gate"] and pid(server) == inside
    assert not server.log.search("WSGI0174|WSGI0175|Traceback")
    assert server.log.search(r'Thread \d+ executing file ".*toolkit\.py", line \d+, in wait_for')


def test_row_89_a_request_that_nothing_interrupts_gets_502(httpd):
    server = start(httpd, "threads=1 request-timeout=1 graceful-timeout=1 shutdown-timeout=1")
    server.log.expect("WSGI014[67]: ")
    with request_that_waits(server, "/stuck") as answer:
        (old,) = server.daemons("g")
        response = answer.result(40)
    assert response.status == 502
    server.log.wait_for("Daemon process request time limit exceeded, stopping daemon process 'g'")
    server.log.wait_for("Dumping stack trace for active Python threads of .* in daemon process 'g'")
    server.log.wait_for(r'file ".*daemon_app\.py", line \d+, in stuck')
    server.log.wait_for(r"Shutdown timeout expired; aborting daemon process 'g'\.")
    assert pid(server) != old


def test_request_timeout_waits_for_the_others(httpd):
    """Longer with more threads: 2 threads have 1.69 times as long."""
    server = start(httpd, "threads=2 request-timeout=1 shutdown-timeout=2")
    server.log.expect("WSGI014[67]: ")
    with request_that_waits(server, "/stuck") as answer:
        server.log.wait_for("Daemon process request time limit exceeded")
        assert answer.result(30).status == 502


@pytest.mark.parametrize(
    ("options", "reason", "idle", "busy"),
    [
        ("graceful-timeout=30", "graceful_signal",
         "Graceful restart requested; triggering immediate shutdown of daemon process 'g'",
         "Graceful restart requested; waiting for in-flight requests to complete in daemon process 'g'"),
        ("graceful-timeout=30 eviction-timeout=30", "eviction_signal",
         "Process eviction requested; triggering immediate shutdown of daemon process 'g'",
         "Process eviction requested; waiting for in-flight requests to complete in daemon process 'g'"),
    ],
)  # fmt: skip
def test_sigusr1(httpd, options, reason, idle, busy):
    server = start(httpd, f"threads=3 {options}")
    old = pid(server)
    os.kill(old, signal.SIGUSR1)
    # A moment after its response a request may still count as one.
    expect_restart(server, old, f"{idle}|Requests have completed; triggering immediate shutdown")

    old = pid(server)
    with request_that_waits(server) as answer:
        os.kill(old, signal.SIGUSR1)
        server.log.wait_for(busy)
        assert pid(server) == old, "row 72: it serves on while it drains"
        server.release("gate")
        assert answer.result(20).text == "done"
    expect_restart(server, old, "Requests have completed; triggering immediate shutdown of daemon process 'g'")


def test_row_72_a_draining_process_serves(httpd):
    server = start(httpd, "threads=2 graceful-timeout=30")
    with request_that_waits(server):
        old = pid(server)
        os.kill(old, signal.SIGUSR1)
        server.log.wait_for("waiting for in-flight requests")
        assert [pid(server) for _ in range(3)] == [old] * 3


@pytest.mark.parametrize(
    ("options", "why"),
    [pytest.param("graceful-timeout=1", "", id="one second"),
     pytest.param("graceful-timeout=0", "", id="none", marks=pytest.mark.differs("row 69: it waits without end"))],
)  # fmt: skip
def test_row_69_a_drain_has_an_end(httpd, options, why):
    server = start(httpd, f"threads=2 {options} shutdown-timeout=1")
    server.log.expect("WSGI014[67]: ")
    with request_that_waits(server) as answer:
        (old,) = server.daemons("g")
        os.kill(old, signal.SIGUSR1)
        until(lambda: old not in server.daemons("g"), "the process to end", 8)
        assert answer.result(20).status == 502


def test_restart_interval(httpd):
    server = start(httpd, "threads=2 restart-interval=1")
    server.log.wait_for(r"Application restart timer expired, stopping process 'g'\.", count=2)
    assert server.get("/pid").status == 200


@pytest.mark.awaits("events")
@pytest.mark.differs("row 70: the reason is shutdown_signal")
def test_row_70_the_reason_of_a_busy_restart_is_the_interval(httpd):
    server = start(httpd, "threads=2 restart-interval=1 graceful-timeout=30")
    server.log.expect(REASON.format("restart_interval"))
    with request_that_waits(server):
        server.log.wait_for("Application restart timer expired; waiting for in-flight requests to complete in process 'g'")
    server.log.wait_for(REASON.format("restart_interval"), deadline=8)


@pytest.mark.awaits("events")
@pytest.mark.parametrize(
    ("options", "reason"),
    [("maximum-requests=1", "maximum_requests"), ("inactivity-timeout=1", "inactivity_timeout"),
     ("restart-interval=1", "restart_interval"), ("cpu-time-limit=1000", "shutdown_signal")],
)  # fmt: skip
def test_python_is_told_the_reason(httpd, options, reason):
    server = start(httpd, options)
    assert server.get("/pid").status == 200
    if reason == "shutdown_signal":
        server.stop()
    server.log.wait_for(REASON.format(reason))


def test_inactivity_timeout(httpd):
    server = start(httpd, "threads=2 inactivity-timeout=1")
    old = pid(server)
    expect_restart(server, old, r"Daemon process idle inactivity timer expired, stopping process 'g'\.")


def test_row_73_inactivity_begins_with_the_first_request(httpd):
    server = start(httpd, "threads=2 inactivity-timeout=1", 'WSGIDaemonProcess other inactivity-timeout=1\n'
                   'WSGIScriptAlias /other "${APPS}/hello.py" process-group=other')  # fmt: skip
    (other,) = server.wait_daemons("other")
    for _ in range(2):
        old = pid(server)
        server.wait_daemons("g", 1, besides=(old,))
    assert server.daemons("other") == [other], "it never served, and so is never recycled"


def test_ignore_activity(httpd):
    server = start(httpd, "threads=2 inactivity-timeout=2", "<Location /who>\nWSGIIgnoreActivity On\n</Location>")
    old = pid(server)

    def gone():
        server.get("/who")
        return old not in server.daemons("g")

    until(gone, "the timer to expire in spite of requests", 15)


def test_startup_timer(httpd):
    server = start(httpd, "threads=2 startup-timeout=60")
    (_,) = server.wait_daemons("g")
    assert not server.log.search("Application startup timer")
    assert server.get("/pid").status == 200
    server.log.wait_for(r"Application startup timer started for daemon process 'g'\.")
    server.log.wait_for(r"Application startup timer cancelled for daemon process 'g'\.")


def test_the_startup_timer_ends_with_a_script_that_has_no_callable(httpd):
    """The script is loaded; that the request fails says nothing about the next one."""
    text = 'WSGIDaemonProcess g startup-timeout=60\nWSGIScriptAlias / "${FOLDER}/scripts/bare.py" process-group=g\n'
    server = httpd(text, scripts={"bare.py": "x = 1\n"})
    server.log.expect_code(89, "does not contain WSGI application")
    assert server.get("/").status == 500
    record = server.log.wait_record("Application startup timer cancelled")
    assert record.client is None


def test_a_request_is_not_late_because_it_waited_for_its_turn(httpd):
    """The age of a request begins when the daemon accepts it, not when httpd does (DD 4.5.1)."""
    server = start(httpd, "threads=1 request-timeout=6 interrupt-timeout=60")
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(server.get, "/sleeps?seconds=4") for _ in range(2)]
        assert [answer.result(60).status for answer in answers] == [200, 200]
    assert not server.log.search("Injected RequestTimeout")


def test_row_74_the_startup_timer_begins_with_the_first_request(httpd):
    script = "import toolkit\ntoolkit.record('waiting', 'import')\ntoolkit.wait_for('gate')\n"
    text = 'WSGIDaemonProcess g python-path="${SHARED_APPS}" threads=2 startup-timeout=1 shutdown-timeout=1\n'
    text += 'WSGIScriptAlias / "${FOLDER}/scripts/slow.py"\nWSGIProcessGroup g\nWSGIApplicationGroup %{GLOBAL}\n'
    server = httpd(text, scripts={"slow.py": script})
    (old,) = server.wait_daemons("g")
    server.log.expect("WSGI014[67]: ")
    with request_that_waits(server, "/") as answer:
        server.log.wait_for(r"Application startup timer expired, stopping daemon process 'g'\.")
        assert answer.result(30).status == 502
    assert server.wait_daemons("g", 1, besides=(old,))


def test_deadlock_timeout(httpd):
    """One thread keeps the GIL: the process ends although no Python code runs any more."""
    script = "import ctypes, toolkit\ndef application(environ, start_response):\n    toolkit.record('waiting', 'x')\n"
    script += "    ctypes.PyDLL(None).pause()\n"
    text = 'WSGIDaemonProcess g python-path="${SHARED_APPS}" threads=2 deadlock-timeout=2 shutdown-timeout=1\n'
    text += 'WSGIScriptAlias / "${FOLDER}/scripts/deadlock.py"\nWSGIProcessGroup g\nWSGIApplicationGroup %{GLOBAL}\n'
    server = httpd(text, scripts={"deadlock.py": script})
    (old,) = server.wait_daemons("g")
    server.log.expect("WSGI014[67]: ")
    server.log.allow("WSGI0")
    with request_that_waits(server, "/") as answer:
        server.log.wait_for(r"Daemon process deadlock timer expired, stopping daemon process 'g'\.")
        assert answer.result(30).status == 502
    assert server.wait_daemons("g", 1, besides=(old,))


@pytest.mark.differs("row 67: nothing watches the timers")
@pytest.mark.parametrize(
    ("option", "words"),
    [("restart-interval=1", "Application restart timer expired"), ("request-timeout=1", "request time limit exceeded")],
)
def test_row_67_timers_do_not_need_the_deadlock_timeout(httpd, option, words):
    server = start(httpd, f"threads=1 deadlock-timeout=0 {option} shutdown-timeout=1 graceful-timeout=1")
    server.log.allow("WSGI014[67]")
    if "request" in option:
        with request_that_waits(server):
            server.log.wait_for(words, deadline=6)
    else:
        server.log.wait_for(words, deadline=6)


def test_cpu_time_limit(httpd):
    server = start(httpd, "threads=2 cpu-time-limit=1 graceful-timeout=1 shutdown-timeout=1")
    server.log.expect("WSGI014[67]: ")
    assert server.get("/cpu").status == 502
    server.log.wait_for("Exceeded CPU time limit; waiting for in-flight requests to complete in daemon process 'g'")
    assert server.get("/pid").status == 200


@pytest.mark.differs("row 71: it may hang")
@pytest.mark.oracle_skip("it may hang")
def test_row_71_a_cpu_limit_without_graceful_timeout_ends_at_once(httpd):
    server = start(httpd, "threads=2 cpu-time-limit=1 graceful-timeout=0 shutdown-timeout=1")
    server.log.expect("WSGI014[67]: ")
    assert server.get("/cpu").status == 502
    assert server.get("/pid").status == 200


def test_row_75_queue_timeout(httpd):
    server = start(httpd, "threads=1 queue-timeout=1")
    server.log.expect_code(84, r"Queue timeout expired for WSGI daemon process 'g'\.")
    with request_that_waits(server) as busy, ThreadPoolExecutor(1) as pool:
        mark = server.log.mark()
        late = pool.submit(server.get, "/pid")
        wait_queued(server, 1)
        # As long as the timeout, measured by a request that waits just so long for its own.
        with server.connect(timeout=1.5) as probe, pytest.raises(TimeoutError):
            probe.get("/pid")
        server.release("gate")
        assert busy.result(20).text == "done"
        assert late.result(20).status == 504 and server.log.search("WSGI0084", since=mark)
    assert server.get("/pid").status == 200


def test_row_77_a_group_without_threads_serves_nobody(httpd):
    server = start(httpd, "threads=0 socket-timeout=1")
    server.log.expect_code(145, "Timeout when reading response headers from daemon process 'g'")
    assert server.get("/pid").status == 504
