"""Shared by the applications under test: routing, reporting, and a way to be told what to do.

Standard library only, and nothing that an own-GIL interpreter refuses.
"""

import json
import os
import time
from urllib.parse import parse_qsl
from wsgiref.validate import validator

FOLDER = os.environ.get("E2E_FOLDER", ".")

TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def routes(table, validated=True):
    """An application that calls the handler of the first path segment (`/name/...`).

    Handlers are WSGI applications. `wsgiref.validate` watches server and handler unless the
    handler breaks its rules on purpose.
    """

    def application(environ, start_response):
        name = environ.get("PATH_INFO", "").strip("/").partition("/")[0]
        handler = table.get(name)
        if handler is None:
            start_response("404 Not Found", list(TEXT))
            return [b"no such route"]
        return handler(environ, start_response)

    return validator(application) if validated else application


def text(start_response, body, status="200 OK"):
    data = body.encode("utf-8", "backslashreplace")
    start_response(status, [*TEXT, ("Content-Length", str(len(data)))])
    return [data]


def report(start_response, value):
    """Answers with JSON in ASCII, whatever characters the value holds."""
    data = json.dumps(value).encode("ascii")
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    )
    return [data]


def query(environ):
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def record(name, line):
    """Appends one line to a file the test reads; atomic between threads and interpreters."""
    handle = os.open(os.path.join(FOLDER, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode("utf-8", "backslashreplace") + b"\n")
    finally:
        os.close(handle)


def wait_for(name, deadline=60.0):
    """Blocks, without holding the GIL, until the test makes a file of this name."""
    end = time.monotonic() + deadline
    path = os.path.join(FOLDER, name)
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise TimeoutError("the test never made " + name)
        time.sleep(0.005)
