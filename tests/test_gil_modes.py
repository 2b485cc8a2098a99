"""The ways for Python to run in parallel: what the log says of them, what they isolate, what they
cannot do and who says so, and that they really run at the same time."""

import json
import re
import signal
import subprocess

import pytest

from harness import command, messages
from harness.command import OFF, OWN, SHARED
from harness.fleet import APPS
from harness.wait import until
from http_client import request

WHO = """
import json, os, sys, threading
import toolkit

STATE = []
LOCAL = threading.local()

def application(environ, start_response):
    STATE.append(1)
    LOCAL.count = getattr(LOCAL, "count", 0) + 1
    toolkit.record("served", "x")
    if environ["PATH_INFO"].startswith("/wait/"):
        toolkit.wait_for(environ["PATH_INFO"][6:])
    if environ["PATH_INFO"] == "/module":
        sys.modules["only_here"] = None
    told = {
        "state": id(STATE), "count": len(STATE), "local": LOCAL.count,
        "thread": threading.get_native_id(), "pid": os.getpid(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "module": "only_here" in sys.modules,
        "switch": sys.getswitchinterval(),
    }
    return toolkit.report(start_response, told)
"""


def who(server, target="/"):
    return json.loads(server.get(target).text)


#: Empty on a free-threaded build.
WITH_GIL = [mode for mode in command.gil_modes() if mode.has_gil]


def serve_who(serve, *options, **more):
    return serve(None, "--pythonpath", str(APPS), *options, app=WHO, **more)


def answers_of_all(server, count, gate="all"):
    """What each of `count` threads tells, while all of them are inside a request at once."""
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.send(request("GET", f"/wait/{gate}"))
    until(lambda: len(server.recorded("served")) >= count, "every thread to run a request")
    server.release(gate)
    return [json.loads(connection.response().text) for connection in connections]


# What the log says


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (2, 3)])
def test_the_first_lines_say_what_runs(serve, gil_mode, workers, threads):
    server = serve("hello", "--workers", str(workers), "--threads", str(threads))
    first = "\n".join(server.log.text().splitlines()[:5])
    version = re.search(messages.PYTHON, first)
    assert version[1] == ".".join(map(str, command.facts().version))
    mode = re.search(messages.GIL_MODE, first)[1]
    assert mode == {"main": "shared", "off-two": "off"}.get(gil_mode.name, gil_mode.name)
    said = gil_mode.interpreters if "--interpreters" in gil_mode.options else None
    assert re.search(messages.concurrency(workers, said, threads), first)


# What runs


def test_each_interpreter_has_its_own_modules_and_threads(serve, gil_mode):
    server = serve_who(serve, "--threads", "2")
    told = answers_of_all(server, 2 * gil_mode.interpreters)
    assert len({each["state"] for each in told}) == gil_mode.interpreters
    assert len({each["thread"] for each in told}) == 2 * gil_mode.interpreters
    assert len({each["pid"] for each in told}) == 1


def test_the_load_is_spread_over_the_interpreters(serve, gil_mode):
    server = serve_who(serve)
    told = answers_of_all(server, gil_mode.interpreters)
    assert len({each["thread"] for each in told}) == gil_mode.interpreters


def test_one_interpreter_does_not_see_what_another_imports(serve, gil_mode):
    server = serve_who(serve)
    changed = who(server, "/module")["state"]
    for number in range(20):
        for told in answers_of_all(server, gil_mode.interpreters, f"gate{number}"):
            assert told["module"] == (told["state"] == changed)


def test_thread_locals_last_as_long_as_the_thread(serve, gil_mode):
    server = serve_who(serve)
    seen = {}
    for _ in range(30):
        told = who(server)
        seen.setdefault(told["thread"], []).append(told["local"])
    assert len(seen) <= gil_mode.interpreters
    for counts in seen.values():
        assert counts == list(range(counts[0], counts[0] + len(counts)))


def test_the_gil_is_what_was_asked_for(serve, gil_mode):
    assert who(serve_who(serve))["gil"] is gil_mode.has_gil


@pytest.mark.modes(WITH_GIL)
def test_the_switch_interval(serve, gil_mode):
    assert who(serve_who(serve, "--switch-interval", "7ms"))["switch"] == pytest.approx(0.007)
    assert who(serve_who(serve, "--threads", "2"))["switch"] == pytest.approx(0.001)
    assert who(serve_who(serve))["switch"] == pytest.approx(0.005)


#: Empty on 3.10 and 3.11, which cannot do it.
PARALLEL = [mode for mode in command.gil_modes() if mode in (OWN, OFF)]

#: A request that computes, and never lets go of the GIL by itself, until it sees that the other one runs as well.
RENDEZVOUS = """
    import mmap, os, time

    with open(os.path.join(os.environ["E2E_FOLDER"], "meeting"), "a+b") as file:
        file.truncate(2)
        here = mmap.mmap(file.fileno(), 2)

    def application(environ, start_response):
        me = int(environ["PATH_INFO"][1:])
        deadline = time.monotonic() + float(environ["QUERY_STRING"])
        here[me] = 1
        while not here[1 - me] and time.monotonic() < deadline:
            pass
        met = here[1 - me]
        start_response("200 OK", [])
        yield b"met" if met else b"alone"
"""


def rendezvous(serve, *options, patience):
    """Whether each of two requests saw the other one running."""
    server = serve(None, "--switch-interval", "60s", *options, app=RENDEZVOUS)
    with server.connect() as one, server.connect() as two:
        one.send(request("GET", f"/0?{patience}"))
        two.send(request("GET", f"/1?{patience}"))
        return [one.response().body, two.response().body]


@pytest.mark.modes(PARALLEL)
def test_python_code_runs_at_the_same_time(serve, gil_mode):
    """No GIL is handed over in this test, so each request can see the other one only if both run."""
    threads = ["--threads", "2"] if gil_mode is OFF else []
    assert rendezvous(serve, *threads, patience=30) == [b"met", b"met"]


@pytest.mark.modes([SHARED] if SHARED in command.gil_modes() else [])
def test_under_one_gil_one_request_runs_at_a_time(serve, gil_mode):
    """The counterpart, without which the test above would prove nothing."""
    assert b"alone" in rendezvous(serve, patience=0.5)


# What a mode cannot do


@pytest.mark.parametrize("gil", ["own", "off", "shared"])
def test_a_mode_this_python_cannot_do_is_exit_2_and_says_which_can(serve, gil):
    known = command.facts()
    can = {
        "own": known.version >= (3, 12) and not known.free_threaded,
        "off": known.free_threaded,
        # A free-threaded build has a GIL, too; it is only not used.
        "shared": True,
    }[gil]
    server = serve("hello", "--gil", gil, mode=None, ready=False)
    if can:
        server.wait_ready()
        return
    assert server.wait_exit() == 2
    server.expected_code = 2
    text = server.log.text()
    assert "--gil" in text and "Python 3." in text or "free-threaded" in text


REFUSED = ["readline"] + (["numpy"] if "numpy" in command.facts().packages else [])

if OWN in command.gil_modes():

    @pytest.mark.parametrize("module", REFUSED)
    def test_an_extension_module_that_refuses_is_explained(serve, module):
        server = serve(
            None, mode=OWN, ready=False,
            app=f"""
            import json
            import {module}  # the line the user wrote

            def application(environ, start_response):
                pass
            """,
        )  # fmt: skip
        assert server.wait_exit() == 3
        server.expected_code = 3
        server.log.expect("Traceback")
        server.log.allow(".")
        text = server.log.text()
        assert f"import {module}  # the line the user wrote" in text
        assert "does not support loading in subinterpreters" in text or module in text
        assert "--gil shared" in text, "what to do instead"

    def test_modules_of_the_standard_library_load_in_every_interpreter(serve):
        server = serve(
            None, "--interpreters", "3", mode=command.GilMode("own", ("--gil", "own"), 3),
            app="""
            import asyncio, datetime, decimal, hashlib, json, sqlite3, ssl, uuid, zoneinfo

            def application(environ, start_response):
                text = [str(datetime.datetime.now(datetime.timezone.utc)),
                        str(decimal.Decimal(1) / 3), hashlib.sha256(b"x").hexdigest(),
                        str(sqlite3.connect(":memory:").execute("select 1").fetchone()),
                        str(zoneinfo.ZoneInfo("UTC")), str(uuid.uuid4())]
                start_response("200 OK", [])
                return [" ".join(text).encode()]
            """,
        )  # fmt: skip
        for _ in range(30):
            assert server.get("/").status == 200


UNDECLARED = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "undeclared", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_undeclared(void) { return PyModule_Create(&definition); }
"""

if command.facts().free_threaded:

    @pytest.fixture(scope="module")
    def undeclared(tmp_path_factory):
        """The folder of an extension module that says nothing about the GIL, as most do."""
        folder = tmp_path_factory.mktemp("extension")
        question = "import sysconfig; print(sysconfig.get_path('include'))"
        told = subprocess.run(
            [command.python(), "-c", question], check=True, capture_output=True, text=True
        )
        (folder / "undeclared.c").write_text(UNDECLARED)
        subprocess.run(
            ["cc", "-shared", "-fPIC", f"-I{told.stdout.strip()}",
             folder / "undeclared.c", "-o", folder / "undeclared.so"],
            check=True,
        )  # fmt: skip
        return folder

    @pytest.mark.parametrize(
        ("gil", "enabled"), [("auto", True), ("off", False), ("shared", True)]
    )
    def test_a_module_that_does_not_declare_itself(serve, undeclared, gil, enabled):
        server = serve(
            None, "--gil", gil, "--pythonpath", str(undeclared),
            app="""
            import sys
            import undeclared

            def application(environ, start_response):
                start_response("200 OK", [])
                return [str(sys._is_gil_enabled()).encode()]
            """,
        )  # fmt: skip
        if gil == "auto":
            server.log.expect("RH0304 .*module=undeclared")
        assert server.get("/").text == str(enabled)


# fork, threads, exit handlers

FORK = """
import os, sys

def application(environ, start_response):
    try:
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        told = "child " + str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    except Exception as error:
        told = type(error).__name__ + ": " + str(error)
    start_response("200 OK", [])
    return [told.encode()]
"""


def test_fork_in_an_application(serve, gil_mode):
    """Fatal for the child while sub-interpreters exist, so it is refused there."""
    server = serve(app=FORK)
    server.log.allow("(?i)fork")
    told = server.get("/").text
    if "--interpreters" in gil_mode.options:
        assert told.startswith("RuntimeError: ") and "fork" in told
    else:
        assert told == "child 7"
    assert server.get("/").status == 200


def test_subprocesses_work(serve, gil_mode):
    server = serve(
        app="""
        import subprocess, sys

        def application(environ, start_response):
            done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True)
            start_response("200 OK", [])
            return [done.stdout]
        """
    )
    assert server.get("/").text.strip() == "42"


def test_exit_handlers_of_every_interpreter_run_at_the_stop(serve, gil_mode):
    server = serve(
        None, "--workers", "2",
        app="""
        import atexit, os

        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]

        def leave():
            handle = os.open("left", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, b"x")

        atexit.register(leave)
        """,
    )  # fmt: skip
    assert server.get("/").text == "ok"
    assert server.stop() == 0
    left = server.folder / "left"
    assert left.exists() and left.read_text() == "x" * 2 * gil_mode.interpreters


def test_an_exit_handler_that_fails_or_hangs_does_not_hang_the_stop(serve, gil_mode):
    server = serve(
        None, "--graceful-timeout", "2s",
        app="""
        import atexit, time

        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]

        atexit.register(time.sleep, 3600)
        atexit.register(lambda: 1 / 0)
        """,
    )  # fmt: skip
    server.log.allow(".")
    assert server.get("/").text == "ok"
    server.signal(signal.SIGTERM)
    server.wait_exit(30)
    server.expected_code = server.returncode
    assert server.returncode >= 0


@pytest.mark.parametrize("daemon", [True, False])
@pytest.mark.parametrize("work", ["time.sleep(3600)", "spin()"])
def test_threads_of_the_application_do_not_hang_the_stop(serve, gil_mode, daemon, work):
    server = serve(
        None, "--graceful-timeout", "3s",
        app=f"""
        import threading, time

        def spin():
            while True:
                time.sleep(0)

        def background():
            {work}

        threading.Thread(target=background, daemon={daemon}).start()

        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
        """,
    )  # fmt: skip
    if not daemon:
        server.log.allow("(?i)thread|worker|exit|stop|graceful")
    assert server.get("/").text == "ok"
    server.signal(signal.SIGTERM)
    server.wait_exit(30)
    if daemon:
        assert server.returncode == 0
    server.expected_code = server.returncode
    assert server.returncode >= 0


def test_signal_handlers_of_an_application_do_not_take_the_server_s(serve, gil_mode):
    """Installed or refused, the server's own signals go on working."""
    server = serve(
        app="""
        import signal

        try:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        except ValueError:
            pass

        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
        """
    )
    server.log.allow("(?i)signal")
    assert server.get("/").text == "ok"
    assert server.stop() == 0


def test_the_main_interpreter_loads_the_application_only_when_it_serves(serve, gil_mode):
    """Several kinds of packages refuse a second interpreter once the main one has them."""
    server = serve(None, app="import os\nopen(f'load-{os.getpid()}', 'a').write('x')\n"
                   "def application(e, s):\n    s('200 OK', [])\n    return [b'ok']\n")  # fmt: skip
    assert server.get("/").text == "ok"
    loads = [path.read_text() for path in server.folder.glob("load-*")]
    assert loads == ["x" * gil_mode.interpreters]
