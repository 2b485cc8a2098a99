"""What the harness lets pass as the event MPM's own race, and what it does not (README.md)."""

import os
import signal

import pytest

from harness import httpd_event_race as race
from harness.wait import until

CRASHES_AT_ITS_END = """
import atexit, os, signal
atexit.register(os.kill, os.getpid(), signal.SIGSEGV)
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
SITE = 'WSGIScriptAlias / "${FOLDER}/scripts/crashes.py" application-group=%{GLOBAL}\n'


def stack(*threads):
    """What gdb prints of threads, each given as frames, the innermost first: object file and function, or `handler`.

    gdb numbers them from the one that dumped the core, and lists the last one first.
    """
    lines = []
    for number, thread in reversed([*enumerate(threads, 1)]):
        for file, function in thread:
            kind = "handler" if function == "handler" else "frame"
            lines.append(f"FRAME\t{number}\t{kind}\t/usr/lib/{file}\t{function}")
    return "\n".join(["[New LWP 7]", *lines])


MPM = [("mod_mpm_event.so", "-"), ("mod_mpm_event.so", "-"), ("apache2", "ap_run_mpm"), ("apache2", "main")]
APR, IN_HANDLER = "libapr-1.so.0.7.2", [("libc.so.6", "kill"), ("apache2", "-"), ("libc.so.6", "handler")]
MODULE = [("mod_wsgi.so", "run"), ("libpython3.13.so.1.0", "Py_FinalizeEx")]
IDLE = [("libc.so.6", "epoll_wait"), (APR, "apr_pollset_poll"), ("mod_mpm_event.so", "-")]


@pytest.mark.parametrize(
    ("blamed", "threads"),
    [
        (True, [[(APR, "apr_os_sock_get"), *MPM], IDLE]),
        (True, [IDLE, [*IN_HANDLER, (APR, "apr_os_sock_get"), *MPM]]),
        (True, [[("libc.so.6", "close"), (APR, "-"), (APR, "apr_socket_close"), *MPM]]),
        # Cleanups of the child's pool, where the module's exit handlers run.
        (False, [[*MODULE, (APR, "apr_pool_destroy"), *MPM]]),
        (False, [[(APR, "apr_pool_destroy"), *MPM]]),
        (False, [[*IN_HANDLER, ("libc.so.6", "free"), *MODULE, (APR, "apr_os_sock_get"), *MPM]]),
        # The thread that dumps the core is not the one that crashed.
        (False, [[(APR, "apr_os_sock_get"), *MPM], [*IN_HANDLER, *MODULE, ("mod_mpm_event.so", "-")]]),
        (False, [[*IN_HANDLER, ("mod_wsgi.so", "worker")], IDLE]),
        (False, []),
    ],
)  # fmt: skip
def test_which_stacks_are_of_the_race(blamed, threads):
    assert race.blames_httpd(stack(*threads)) == blamed


def crashed(server, end):
    """What is left to complain of when a child has crashed in an exit handler of Python's at `end`."""
    child = int(server.get("/").text)
    end()
    server.log.wait_for(rf"AH0005[12]: child pid {child} exit signal Segmentation fault")
    server.excuse_the_race()
    found = server.log.complaints()
    server.log.forget()
    return [line for line in found if f"child pid {child}" in line]


@pytest.mark.skipif(not race.cores_can_be_had(), reason="no gdb, or core files go elsewhere: the log is all there is")
@pytest.mark.parametrize("how", ["restart", "stop"])
def test_a_crash_of_the_module_is_not_the_race(httpd, how):
    server = httpd(SITE, mpm="event", scripts={"crashes.py": CRASHES_AT_ITS_END})
    assert crashed(server, getattr(server, how))


@pytest.mark.parametrize("mpm", ["event", "worker"])
def test_a_crash_at_no_end_is_not_the_race(httpd, mpm):
    server = httpd(SITE, mpm=mpm, scripts={"crashes.py": CRASHES_AT_ITS_END})
    child = int(server.get("/").text)
    assert crashed(server, lambda: os.kill(child, signal.SIGSEGV))
    until(lambda: server.children() not in ([], [child]), "another child")
