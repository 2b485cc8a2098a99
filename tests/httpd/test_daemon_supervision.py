"""What the parent does about processes that ended, cannot be forked, or are to end (DD 10.6, 10.7)."""

import os
import pwd
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from daemon_server import pid, start
from harness import httpd_install as install
from harness import processes
from harness.wait import until

ENDS_AT_ONCE = """
WSGIDaemonProcess g user=nobody group=nogroup home=/
WSGIImportScript "${FOLDER}/scripts/ends.py" process-group=g application-group=%{GLOBAL}
"""


def real_user(number):
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except FileNotFoundError:
        return None
    (line,) = [line for line in status.splitlines() if line.startswith("Uid:")]
    return int(line.split()[1])


@pytest.mark.needs_root
@pytest.mark.differs("there is no rest")
@pytest.mark.oracle_skip("starts hundreds of processes")
def test_a_process_rests_as_the_user_that_it_serves_as(httpd):
    """Of its rests each is longer than the last; one that is over has said that it starts."""
    server = httpd(ENDS_AT_ONCE, scripts={"ends.py": "import os\nos._exit(1)\n"})
    nobody = pwd.getpwnam("nobody").pw_uid
    children = (0, install.ordinary_user().pw_uid)
    server.log.wait_for("the next one starts after", deadline=15)

    def resting():
        """Whoever is neither a child of the MPM nor has started."""
        others = [each for each in server.children() if real_user(each) != children[1]]
        return [real_user(each) for each in others]

    until(lambda: nobody in resting(), "a process that rests", 40)


def limit_processes(server, count):
    """As the server's user: root itself may lack the right to limit others."""
    said = "unlimited" if count == resource.RLIM_INFINITY else count
    limit = ["prlimit", f"--pid={server.pid}", f"--nproc={said}:"]
    subprocess.run([*install.as_ordinary_user(), *limit], check=True)


@pytest.mark.differs("its place stays empty until the next restart")
def test_a_process_that_cannot_be_forked_is_tried_again(httpd):
    """Nobody but root may have more processes than this limit."""
    server = start(httpd, "threads=1", unprivileged=True)
    old = pid(server)
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    limit_processes(server, 0)
    server.log.expect_code(24, "Unable to spawn daemon process 'g'")
    server.log.allow("WSGI0024: |AH00052")
    os.kill(old, signal.SIGKILL)
    server.log.wait_for("WSGI0024: ")
    assert server.daemons("g") == []
    limit_processes(server, limit)
    assert server.wait_daemons("g", besides=(old,)) and pid(server) != old


LOOKS_AT_PARENT = """
import atexit, os, toolkit
def caught(when):
    with open(f"/proc/{os.getppid()}/status") as status:
        toolkit.record(when, [line.split()[1] for line in status if line.startswith("SigCgt:")][0])
caught("at first")
atexit.register(caught, "at the end")
"""


@pytest.mark.oracle_skip("it has no such handler")
@pytest.mark.parametrize("step", ["graceful", "restart", "stop"])
def test_an_end_does_not_shorten_the_time_that_other_daemons_have(httpd, step):
    """httpd lets its processes end in a sum of pauses: no signal of a child's end may cut them short."""
    config = """
        WSGIDaemonProcess g python-path="${SHARED_APPS}"
        WSGIImportScript "${FOLDER}/scripts/looks.py" process-group=g application-group=%{GLOBAL}
    """
    server = httpd(config, scripts={"looks.py": LOOKS_AT_PARENT})
    until(lambda: server.recorded("at first"), "the daemon to begin")
    (daemon,) = server.wait_daemons("g")
    getattr(server, step)()
    until(lambda: not processes.alive(daemon), "the daemon to end")
    caught = [int(server.recorded(when)[0], 16) >> signal.SIGCHLD - 1 & 1 for when in ("at first", "at the end")]
    assert caught == [1, 0]


def test_row_36_processes_that_end_as_they_are_told_are_followed_at_once(httpd):
    """However many follow each other: a back-off would have the eighth request wait for more than ten seconds."""
    server = start(httpd, "threads=1 maximum-requests=1")
    pids = {pid(server) for _ in range(9)}
    assert len(pids) == 9
    assert not server.log.records("the next one starts after")


def test_row_78_a_service_script_that_returns_is_started_again_at_once(httpd):
    config = """
        WSGIDaemonProcess g threads=0 python-path="${SHARED_APPS}"
        WSGIImportScript "${FOLDER}/scripts/returns.py" process-group=g application-group=%{GLOBAL}
    """
    server = httpd(config, scripts={"returns.py": "import toolkit\ntoolkit.record('returned', 'again')\n"})
    until(lambda: len(server.recorded("returned")) >= 6, "six runs", 30)
    assert not server.log.records("the next one starts after")
