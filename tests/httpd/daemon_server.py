"""An httpd with one daemon group and the application of `apps/daemon_app.py`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import http_client
from harness.httpd_fleet import Fleet
from harness.httpd_server import Httpd
from harness.wait import until

CONFIG = """
WSGIDaemonProcess g python-path="${{SHARED_APPS}}" {options}
WSGIScriptAlias / "${{APPS}}/daemon_app.py"
WSGIProcessGroup g
WSGIApplicationGroup %{{GLOBAL}}
{more}
"""

#: Printed by the application when its process ends.
REASON = "stopping because of '{}'"


def start(httpd: Fleet, options: str = "", more: str = "", **rest) -> Httpd:
    server = httpd(CONFIG.format(options=options, more=more), **rest)
    server.log.allow("stopping because of '")
    return server


def pid(server: Httpd) -> int:
    return int(server.get("/pid").text)


def waiting(server: Httpd) -> list[str]:
    return server.recorded("waiting")


@contextmanager
def request_that_waits(server: Httpd, path: str = "/waits?gate=gate"):
    """A request that is inside the application, in the background; its answer, or what became of it instead."""

    def send():
        try:
            return server.get(path)
        except (http_client.Truncated, http_client.Closed) as error:
            return error

    before = len(waiting(server))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send)
        try:
            until(lambda: len(waiting(server)) > before, "the request to be in the application")
            yield answer
        finally:
            server.release("gate")


def wait_queued(server: Httpd, count: int) -> None:
    """Until so many requests wait behind one that is in the application of a daemon with one thread."""
    (path,) = server.sockets()

    def ends() -> int:
        # Of the whole system: the socket that listens, and its side of each connection.
        with open("/proc/net/unix") as table:
            return sum(line.split()[-1] == str(path) for line in table)

    until(lambda: ends() == 2 + count, f"{count} requests in the queue")
