"""A WSGI application without a framework: what PEP 3333 asks for, and routes that show what the server does with it."""

import json
import os
import sys
import threading
import time
from urllib.parse import parse_qs


def application(environ, start_response):
    route = ROUTES.get(environ.get("PATH_INFO", "/"))
    if route is None:
        return text(start_response, "404 Not Found", "There is no such page.\n")
    return route(environ, start_response)


def hello(environ, start_response):
    return text(start_response, "200 OK", "Hello from rickhouse!\n")


def where(environ, start_response):
    """Which process, interpreter and thread answers: ask a few times while two or more of them serve."""
    return as_json(start_response, {
        "process": os.getpid(),
        "interpreter": interpreter_number(),
        "thread": threading.get_ident(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "python": sys.version.split()[0],
        "multithread": environ["wsgi.multithread"],
        "multiprocess": environ["wsgi.multiprocess"],
    })


def show_environ(environ, start_response):
    return as_json(start_response, {name: str(value) for name, value in sorted(environ.items())})


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    kind = environ.get("CONTENT_TYPE") or "application/octet-stream"
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def stream(environ, start_response):
    """Ten blocks without a Content-Length; each is sent as soon as it is made."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (f"line {number}\n".encode() for number in range(10))


def download(environ, start_response):
    """This file, by the server's own way of sending files."""
    source = open(__file__, "rb")
    start_response("200 OK", [("Content-Type", "text/x-python"), ("Content-Length", str(os.path.getsize(__file__)))])
    return environ["wsgi.file_wrapper"](source)


def sleep(environ, start_response):
    """Blocks for `?seconds=`, as a slow database would: other threads may run meanwhile."""
    time.sleep(min(number_of(environ, "seconds", 0.01), 60))
    return text(start_response, "200 OK", "slept\n")


def work(environ, start_response):
    """Computes for `?milliseconds=`: only another GIL, or none, lets other requests run meanwhile."""
    end = time.perf_counter() + min(number_of(environ, "milliseconds", 1), 60_000) / 1000
    rounds = 0
    while time.perf_counter() < end:
        rounds += sum(range(100)) > 0
    return text(start_response, "200 OK", f"{rounds} rounds\n")


def fail(environ, start_response):
    """The traceback goes to the log, and the client is told nothing but 500."""
    raise RuntimeError("this page fails on purpose")


ROUTES = {
    "/": hello,
    "/where": where,
    "/environ": show_environ,
    "/echo": echo,
    "/stream": stream,
    "/download": download,
    "/sleep": sleep,
    "/work": work,
    "/fail": fail,
}


def text(start_response, status, words):
    body = words.encode()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def as_json(start_response, value):
    body = json.dumps(value, indent=2).encode() + b"\n"
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def number_of(environ, name, default):
    try:
        return max(0.0, float(parse_qs(environ.get("QUERY_STRING", ""))[name][0]))
    except (KeyError, ValueError):
        return default


def interpreter_number():
    """0 is the main interpreter of the process. Before 3.14 only private modules can tell."""
    try:
        from concurrent import interpreters

        return interpreters.get_current().id
    except ImportError:
        pass
    try:
        import _interpreters as private
    except ImportError:
        import _xxsubinterpreters as private
    current = private.get_current()
    return int(current[0] if isinstance(current, tuple) else current)
