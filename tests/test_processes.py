"""The supervisor and its workers: start, crash, stop, reload, recycle, and what is left behind."""

import json
import os
import pwd
import re
import signal
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import command, processes
from harness.wait import until
from http_client import Closed, Truncated, request

#: Lines with which the supervisor tells of a worker that went away. Each test says it expects them.
WORKER_LOST = r"(?i)worker"


def who(server):
    return json.loads(server.get("/").text)


def replaced(server, pid, deadline=20):
    """Waits until the worker is gone and another serves, and returns that one's pid."""

    def other():
        try:
            answering = who(server)["pid"]
        except (OSError, Closed, Truncated):
            return None
        return answering if answering != pid and not processes.alive(pid) else None

    return until(other, f"worker {pid} to be replaced", deadline)


def run_until_waiting(server, gate, route="wait"):
    """A request that runs until the gate is released."""
    before = len(server.recorded("waiting"))
    connection = server.connect(timeout=60)
    connection.send(request("GET", f"/{route}?gate={gate}"))
    until(lambda: len(server.recorded("waiting")) > before, "the request to run")
    return connection


# Workers


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_workers_as_asked_for(serve, count):
    server = serve("worker_app", "--workers", str(count))
    assert len(server.workers()) == count
    told = who(server)
    assert told["pid"] in server.workers() and told["parent"] == server.pid


def test_the_number_of_workers_of_the_environment(serve):
    assert len(serve("worker_app", env={"WEB_CONCURRENCY": "2"}).workers()) == 2


def test_the_supervisor_has_one_thread_and_never_loads_the_application(serve):
    server = serve("worker_app", "--workers", "2")
    assert str(server.pid) not in server.recorded("loaded")
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert "worker_app" not in maps
    assert processes.threads(server.pid) == 1


def test_every_worker_serves(serve):
    server = serve("worker_app", "--workers", "2")
    connections = [run_until_waiting(server, "both") for _ in range(2)]
    server.release("both")
    told = [json.loads(connection.response().text)["pid"] for connection in connections]
    assert len(set(told)) == 2, "the second request waits for the worker that is busy"


# Crashes


@pytest.mark.parametrize("how", ["crash", "leave?code=0", "leave?code=3", "segfault"])
def test_a_worker_that_dies_is_replaced(serve, gil_mode, how):
    server = serve("worker_app")
    pid = who(server)["pid"]
    server.log.expect(WORKER_LOST)
    with server.connect() as connection:
        connection.send(request("GET", f"/{how}"))
        with pytest.raises((Closed, Truncated)):
            connection.response()
    replaced(server, pid)
    assert len(server.workers()) == 1


def test_a_worker_killed_from_outside_is_replaced_and_the_others_serve_on(serve):
    server = serve("worker_app", "--workers", "2")
    server.log.expect(WORKER_LOST)
    victim = server.workers()[0]
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert who(server)["pid"] != victim
    until(
        lambda: len(server.workers()) == 2 and victim not in server.workers(), "two workers again"
    )


def test_crashes_in_a_row_make_no_storm(serve):
    """Each start of a worker is told by the application; a storm would start hundreds."""
    server = serve("worker_app")
    server.log.allow(WORKER_LOST)
    for _ in range(4):
        pid = until(lambda: next(iter(server.workers()), None), "a worker")
        os.kill(pid, signal.SIGKILL)
        until(lambda killed=pid: killed not in server.workers(), "it to be gone")
    assert until(lambda: who_or_none(server), "the server to recover", 40)
    assert len(server.recorded("loaded")) <= 6


def who_or_none(server):
    try:
        return who(server)
    except (OSError, Closed, Truncated):
        return None


def test_a_boot_failure_after_a_good_start_is_no_storm(serve, tmp_path):
    """The code breaks while the server runs, then the worker dies: retried with a back-off."""
    flag = tmp_path / "broken"
    server = serve(
        app=f"""
        import os
        with open({str(tmp_path / "loads")!r}, "a") as loads:
            loads.write("x")
        if os.path.exists({str(flag)!r}):
            raise RuntimeError("broken now")

        def application(environ, start_response):
            start_response("200 OK", [])
            return [str(os.getpid()).encode()]
        """
    )
    pid = int(server.get("/").text)
    flag.touch()
    server.log.expect_traceback("RuntimeError: broken now")
    server.log.allow(WORKER_LOST)
    os.kill(pid, signal.SIGKILL)
    server.log.wait_for("RuntimeError: broken now")
    flag.unlink()

    def serves():
        try:
            return server.get("/").status == 200
        except (OSError, Closed, Truncated):
            return False

    until(serves, "the server to recover", 60)
    assert len((tmp_path / "loads").read_text()) < 10


# Failed starts


@pytest.mark.parametrize("workers", ["1", "3"])
def test_an_import_error_is_told_with_its_traceback_and_exit_3(serve, gil_mode, workers):
    server = serve(
        None, "--workers", workers, ready=False,
        app="""
        import os
        import module_that_is_not_there
        """,
    )  # fmt: skip
    assert server.wait_exit() == 3
    server.expected_code = 3
    server.log.expect_traceback("ModuleNotFoundError: No module named 'module_that_is_not_there'")
    server.log.allow(".")
    text = server.log.text()
    assert "import module_that_is_not_there" in text and "app.py" in text
    assert text.count("import module_that_is_not_there") <= int(workers) * gil_mode.interpreters


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def application(:\n", "SyntaxError"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("other = 1\n", "application"),
        ("application = 7\n", "application"),
        ("import os; os._exit(0)\n", ""),
    ],
)
def test_other_ways_not_to_load(serve, source, said):
    server = serve(app=source, ready=False)
    assert server.wait_exit() == 3
    server.expected_code = 3
    server.log.expect(said)
    server.log.allow(".")


def test_an_application_that_takes_for_ever_to_load_is_given_up(serve):
    server = serve(
        None, "--startup-timeout", "1s", app="import time\ntime.sleep(3600)\n", ready=False
    )
    assert server.wait_exit() == 3
    server.expected_code = 3
    server.log.expect("(?i)startup")
    server.log.allow(".")


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_every_way_to_stop_ends_with_0(serve, gil_mode, number):
    server = serve("worker_app", "--workers", "2")
    assert who(server)
    assert server.stop(number) == 0


def test_a_graceful_stop_finishes_what_runs_and_takes_nothing_new(serve, gil_mode):
    server = serve("worker_app")
    address = server.addresses[0]
    running = run_until_waiting(server, "gate")
    server.signal(signal.SIGTERM)

    def refused():
        try:
            with socket.create_connection(address, 1) as probe:
                probe.sendall(request("GET", "/"))
                return probe.recv(1) == b""
        except OSError:
            return True

    until(refused, "new connections to be refused")
    server.release("gate")
    response = running.response()
    assert response.status == 200 and response.closes
    assert server.wait_exit() == 0


def test_a_graceful_stop_finishes_a_stream(serve, gil_mode):
    server = serve("worker_app")
    with server.connect() as connection:
        connection.send(request("GET", "/streaming?gate=gate"))
        head = connection.response_head()
        blocks = connection.blocks(head)
        assert next(blocks) == b"first "
        server.signal(signal.SIGTERM)
        server.release("gate")
        assert b"".join(blocks) == b"last"
    assert server.wait_exit() == 0


@pytest.mark.parametrize("sent", ["a request", "half a head", "nothing"])
def test_connections_without_a_request_do_not_delay_a_stop(serve, gil_mode, sent):
    server = serve("worker_app", "--keep-alive", "600s", "--header-timeout", "600s")
    kept = [server.connect() for _ in range(3)]
    for connection in kept:
        if sent == "a request":
            assert connection.get("/").status == 200
        elif sent == "half a head":
            connection.send(b"GET / HT")
    assert server.get("/").status == 200
    assert server.stop(deadline=15) == 0
    for connection in kept:
        connection.rest()


def test_a_graceful_stop_does_not_wait_longer_than_it_is_given(serve, gil_mode):
    server = serve("worker_app", "--graceful-timeout", "1s")
    server.log.allow(".")
    connection = run_until_waiting(server, "never")
    server.signal(signal.SIGTERM)
    server.wait_exit(15)
    server.expected_code = server.returncode
    assert server.returncode >= 0, "the supervisor itself must not be killed"
    connection.rest()


def test_a_second_signal_is_a_fast_stop(serve):
    server = serve("worker_app", "--graceful-timeout", "600s")
    server.log.allow(".")
    run_until_waiting(server, "never")
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGINT)
    server.wait_exit(15)
    server.expected_code = server.returncode


def test_workers_do_not_outlive_a_supervisor_that_was_killed(serve, gil_mode):
    server = serve("worker_app", "--workers", "2")
    server.log.allow(".")
    workers = server.workers()
    server.expected_code = -signal.SIGKILL
    server.signal(signal.SIGKILL)
    server.wait_exit()
    until(lambda: not any(map(processes.alive, workers)), "the workers to end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_application_loads(serve, number, tmp_path):
    loading = tmp_path / "loading"
    server = serve(
        app=f"open({str(loading)!r}, 'w').close()\nimport time\ntime.sleep(3600)\n", ready=False
    )
    server.log.allow(".")
    until(loading.exists, "the application to be loading")
    server.signal(number)
    assert server.wait_exit(20) == 0


# Reload


VERSIONED = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "{length}")])
    return [b"{version}"]
"""


def versioned(version):
    return VERSIONED.format(version=version, length=len(version))


def test_a_reload_serves_the_new_code(serve, gil_mode):
    server = serve(None, "--workers", "2", app=versioned("one"))
    old = server.workers()
    (server.folder / "app.py").write_text(versioned("two"))
    server.signal(signal.SIGHUP)
    until(lambda: server.get("/").text == "two", "the new code")
    until(lambda: not set(old) & set(server.workers()), "the old workers to end")
    assert len(server.workers()) == 2
    assert [server.get("/").text for _ in range(10)] == ["two"] * 10


def test_reloads_lose_no_request(serve, gil_mode):
    server = serve(None, "--workers", "2", app=versioned("one"))
    stop, failures, answered = threading.Event(), [], [0]

    def client(keep):
        """One request after the other, each on its own connection or all on one."""
        connection = None
        while not stop.is_set():
            try:
                connection = connection or server.connect()
                response = connection.get("/")
                answered[0] += 1
                assert response.text in ("one", "two"), response
                if not keep or response.closes:
                    connection.close()
                    connection = None
            except Closed as closed:
                # A kept connection may end between two requests (RFC 9112 section 9.6): a client
                # repeats the request. On a fresh one that is a lost request.
                if keep:
                    connection = None
                else:
                    failures.append(repr(closed))
            except Exception as error:
                failures.append(repr(error))
                connection = None

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(client, number % 2 == 0) for number in range(6)]
        try:
            for version in ("two", "one", "two"):
                old = server.workers()
                (server.folder / "app.py").write_text(versioned(version))
                server.signal(signal.SIGHUP)
                until(
                    lambda before=old: not set(before) & set(server.workers()),
                    "the old workers to end",
                    40,
                )
        finally:
            stop.set()
        for each in running:
            each.result()
    assert failures == []
    assert answered[0] > 50


def test_a_reload_finishes_what_runs_on_the_old_code(serve):
    # A second thread, for those who ask the old worker while the new one loads: behind a single busy
    # one they would wait.
    server = serve("worker_app", "--threads", "2")
    old = server.workers()
    running = run_until_waiting(server, "gate")
    server.signal(signal.SIGHUP)
    until(lambda: who(server)["pid"] not in old, "the new worker to serve")
    server.release("gate")
    assert json.loads(running.response().text)["pid"] in old
    until(lambda: not set(old) & set(server.workers()), "the old worker to end")


def test_a_reload_that_does_not_load_keeps_the_old_workers(serve, gil_mode):
    server = serve(None, "--workers", "2", app=versioned("one"))
    old = server.workers()
    (server.folder / "app.py").write_text("raise RuntimeError('half deployed')\n")
    server.log.expect_traceback("RuntimeError: half deployed")
    server.log.allow("(?i)reload|worker|load|start")
    server.signal(signal.SIGHUP)
    server.log.wait_for("RuntimeError: half deployed")
    until(lambda: server.workers() == old, "only the old workers to be there")
    assert [server.get("/").text for _ in range(10)] == ["one"] * 10
    (server.folder / "app.py").write_text(versioned("two"))
    server.signal(signal.SIGHUP)
    until(lambda: server.get("/").text == "two", "the mended code")


# Recycling


def test_max_requests_replaces_the_worker_and_loses_no_request(serve, gil_mode):
    """The old worker serves on until its replacement is ready, so that somebody always does: how
    many requests it answers in the end depends on how long the new one takes to start. What it
    does at its share, and not before, is to ask for the replacement."""
    server = serve("worker_app", "--max-requests", "20", "--max-requests-jitter", "5")
    pid = who(server)["pid"]
    for round_ in (1, 2):
        # It has answered one request, by which it was found.
        for _ in range(18):
            assert who(server)["pid"] == pid
        assert server.log.count("answered its share") == round_ - 1
        for _ in range(6):
            who(server)
        server.log.wait_for("answered its share", count=round_)
        old, pid = pid, until(lambda: another(server, pid), "the replacement to serve")
        until(lambda gone=old: not processes.alive(gone), "the old worker to end")
    answered = map(int, re.findall(r"answered=(\d+)", server.log.text()))
    assert [count for count in answered if not 20 <= count <= 25] == []


def another(server, pid):
    """Who answers, if that is not `pid`. Nothing is forgiven: no request may be lost."""
    answering = who(server)["pid"]
    return answering if answering != pid else None


# A worker that is stopped or stuck


def test_a_stopped_worker_is_replaced(serve, gil_mode):
    server = serve("worker_app", "--timeout", "2s")
    pid = who(server)["pid"]
    server.log.expect(WORKER_LOST)
    os.kill(pid, signal.SIGSTOP)
    replaced(server, pid, 30)


@pytest.mark.modes([mode for mode in command.gil_modes() if mode.has_gil])
def test_a_worker_whose_gil_is_held_for_ever_is_replaced(serve, gil_mode):
    server = serve("worker_app", "--timeout", "2s", "--graceful-timeout", "1s")
    server.log.expect(WORKER_LOST)
    server.log.allow(".")
    connections = [server.connect() for _ in range(gil_mode.interpreters)]
    for connection in connections:
        connection.send(request("GET", "/hold-gil"))
    until(lambda: server.recorded("holding"), "the GIL to be held")
    replaced(server, int(server.recorded("holding")[0]), 40)
    if command.facts().version >= (3, 13):
        text = server.log.text()
        holder = text.partition(" holds the GIL\n")[2]
        assert re.match(r' +File "\S+worker_app.py", line \d+, in hold_gil\n', holder), text
    else:
        assert server.log.search("the stacks cannot be read")


# More signals


def test_one_worker_more_and_one_less(serve):
    server = serve("worker_app", "--workers", "1")
    server.signal(signal.SIGTTIN)
    until(lambda: len(server.workers()) == 2, "a second worker")
    server.signal(signal.SIGTTIN)
    until(lambda: len(server.workers()) == 3, "a third worker")
    server.signal(signal.SIGTTOU)
    until(lambda: len(server.workers()) == 2, "two workers")
    server.signal(signal.SIGTTOU)
    until(lambda: len(server.workers()) == 1, "one worker")
    server.signal(signal.SIGTTOU)
    assert who(server)
    assert len(server.workers()) == 1, "the last worker stays"


def test_usr1_opens_the_logs_again(serve, tmp_path):
    access, errors = tmp_path / "access.log", tmp_path / "error.log"
    server = serve(
        "errors_app", "--access-logfile", str(access), "--error-logfile", str(errors), ready=False
    )
    server.log.path = errors
    server.wait_ready()
    server.log.allow(".")
    server.get("/write?text=before")
    until(lambda: "before" in access.read_text() and "before" in errors.read_text(), "both logs")
    access.rename(tmp_path / "access.old")
    errors.rename(tmp_path / "error.old")
    server.signal(signal.SIGUSR1)
    until(lambda: access.exists() and errors.exists(), "the logs to be opened again")

    def both():
        server.get("/write?text=after")
        return "after" in access.read_text() and "after" in errors.read_text()

    until(both, "the new files to be written")
    size = (tmp_path / "access.old").stat().st_size
    both()
    assert (tmp_path / "access.old").stat().st_size == size, "the old file is still written"


# Files, users, systemd


def test_the_pid_file(serve, tmp_path):
    path = tmp_path / "rickhouse.pid"
    server = serve("worker_app", "--pid", str(path))
    assert path.read_text().strip() == str(server.pid)
    old = server.workers()
    server.signal(signal.SIGHUP)
    until(lambda: not set(old) & set(server.workers()), "a reload")
    assert path.read_text().strip() == str(server.pid)
    server.stop()
    assert not path.exists()


def test_a_pid_file_of_a_dead_process_is_replaced(serve, tmp_path):
    path = tmp_path / "rickhouse.pid"
    path.write_text("4194304\n")
    server = serve("worker_app", "--pid", str(path))
    server.log.allow("(?i)pid")
    assert path.read_text().strip() == str(server.pid)
    server.stop()


def test_umask(serve):
    assert who(serve("worker_app", "--umask", "027"))["umask"] == "0027"


@pytest.mark.needs_root
def test_privileges_are_dropped(serve):
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "app.py").write_text(
            "import json, os\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    told = [os.getresuid(), os.getresgid(), os.getgroups()]\n"
            "    return [json.dumps(told).encode()]\n"
        )
        server = serve(
            "app:application", "--user", "nobody", "--group", "nogroup",
            cwd=Path(folder), prefix=processes.OPEN_HOME,
        )  # fmt: skip
        users, groups, supplementary = json.loads(server.get("/").text)
        assert set(users) == {65534} and set(groups) == {65534}
        assert set(supplementary) <= {65534}
        for pid in server.workers():
            assert os.stat(f"/proc/{pid}").st_uid in (65534, 0)
        server.stop()


def test_a_user_that_does_not_exist(serve):
    server = serve("worker_app", "--user", "no-such-user-here", ready=False)
    assert server.wait_exit() == 2
    server.expected_code = 2
    server.log.expect("no-such-user-here")


def test_systemd_is_notified(serve):
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        path = f"{folder}/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            server = serve("worker_app", env={"NOTIFY_SOCKET": path})
            told = notify.recv(4096).decode()
            while "READY=1" not in told:
                told += "\n" + notify.recv(4096).decode()
            server.signal(signal.SIGHUP)
            while "RELOADING=1" not in told:
                told += "\n" + notify.recv(4096).decode()
            while told.count("READY=1") < 2:
                told += "\n" + notify.recv(4096).decode()
            server.stop()
            while "STOPPING=1" not in told:
                told += "\n" + notify.recv(4096).decode()


def test_a_worker_does_not_inherit_what_it_does_not_need(serve):
    """A descriptor that was left open by accident may be a secret."""
    with tempfile.TemporaryFile() as secret:
        server = serve("worker_app", pass_fds=[secret.fileno()])
        wanted = os.fstat(secret.fileno())
        for pid in server.workers():
            for fd in processes.descriptors(pid):
                assert not os.path.samestat(os.stat(f"/proc/{pid}/fd/{fd}"), wanted)


def test_a_worker_asked_to_terminate_serves_until_it_is_replaced(serve):
    server = serve("worker_app")
    (pid,) = server.workers()
    os.kill(pid, signal.SIGTERM)
    # Every request is answered meanwhile: none meets a closed door, and none is cut.
    until(lambda: who(server)["pid"] != pid, "the replacement to serve")
    until(lambda: not processes.alive(pid), "the worker to leave")
    assert server.log.search("RH0133") and not server.log.search("without being asked")


def test_sigusr2_ends_nothing(serve):
    server = serve("worker_app")
    before = server.workers()
    server.signal(signal.SIGUSR2)
    for pid in before:
        os.kill(pid, signal.SIGUSR2)
    server.log.wait_for("RH0135")
    assert who(server)["pid"] in before


def test_mistakes_of_every_kind_are_listed_together(serve):
    server = serve(
        "missing.py", "--workers", "x", "--user", "no-such-user-here", "--group", "no-such-group-here",
        "--access-logformat", "%Z", ready=False,
    )  # fmt: skip
    assert server.wait_exit() == 2
    server.expected_code = 2
    for said in ("--workers: ", "--user: ", "--group: ", "--access-logformat: ", "TARGET: "):
        server.log.expect(said)


@pytest.mark.needs_root
def test_root_follows_no_link_to_write_a_log_of_another_user(serve):
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        precious = Path(folder) / "precious"
        precious.write_text("kept")
        (Path(folder) / "log").symlink_to(precious)
        server = serve(
            "worker_app", "--user", "nobody", "--group", "nogroup", "--access-logfile", f"{folder}/log", ready=False,
        )  # fmt: skip
        assert server.wait_exit() == 1
        server.expected_code = 1
        server.log.expect("symbolic link")
        assert precious.read_text() == "kept" and precious.stat().st_uid == 0


@pytest.mark.needs_root
def test_the_home_is_that_of_the_workers_user(serve):
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "app.py").write_text(
            "import json, os\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [json.dumps([os.environ[name] for name in ('HOME', 'USER', 'LOGNAME')]).encode()]\n"
        )
        server = serve("app:application", "--user", "nobody", cwd=Path(folder), prefix=processes.OPEN_HOME)
        assert json.loads(server.get("/").text) == [pwd.getpwnam("nobody").pw_dir, "nobody", "nobody"]
        server.stop()
