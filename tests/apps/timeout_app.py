"""Requests that take too long, each in its own way."""

import os
import threading
import time

from toolkit import query, record, report, text, wait_for


def spin_here():
    while True:
        pass


def spin_deep(depth):
    if depth == 0:
        spin_here()
    spin_deep(depth - 1)


def identity(environ, start_response):
    return report(start_response, [os.getpid(), threading.get_native_id()])


def loop(environ, start_response):
    record("thread", f"{os.getpid()} {threading.get_native_id()}")
    spin_here()


def deep(environ, start_response):
    spin_deep(50)


def stubborn(environ, start_response):
    """Swallows every Exception; the interruption is no Exception."""
    while True:
        try:
            spin_here()
        except Exception:
            pass


def bare(environ, start_response):
    """Swallows everything a few times."""
    for _ in range(3):
        try:
            spin_here()
        except:  # noqa: E722
            record("swallowed", "one")
    spin_here()


def started(environ, start_response):
    start_response("200 OK", [("X-Pending", "1")])
    spin_here()


def iterating(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        yield b""
        spin_here()

    return Closing(blocks())


def truncated(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        yield b"partial"
        spin_here()

    return Closing(blocks())


class Closing:
    def __init__(self, blocks):
        self._blocks = blocks

    def __iter__(self):
        return self._blocks

    def close(self):
        record("closed", "close")


def sleep(environ, start_response):
    time.sleep(float(query(environ)["seconds"]))
    return text(start_response, "slept")


def native(environ, start_response):
    """C code that holds the GIL and cannot be interrupted."""
    record("native", str(os.getpid()))
    sum(range(10**15))
    return text(start_response, "never")


def wait(environ, start_response):
    record("waiting", str(os.getpid()))
    wait_for(query(environ)["gate"])
    return identity(environ, start_response)


def nearly(environ, start_response):
    """Python code for about as long as is allowed: it ends just before or just after."""
    end = time.monotonic() + float(query(environ)["seconds"])
    while time.monotonic() < end:
        pass
    return text(start_response, "in time")


def read(environ, start_response):
    return text(start_response, str(len(environ["wsgi.input"].read())))


def caught(environ, start_response):
    """What the interruption is, seen from inside."""
    try:
        spin_here()
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return report(start_response, kinds)


ROUTES = {
    "": identity, "loop": loop, "deep": deep, "stubborn": stubborn, "bare": bare,
    "started": started, "iterating": iterating, "truncated": truncated, "sleep": sleep,
    "native": native, "wait": wait, "nearly": nearly, "read": read, "caught": caught,
}  # fmt: skip


def application(environ, start_response):
    return ROUTES[environ["PATH_INFO"].strip("/")](environ, start_response)
