"""Records every path it is called for: what a server let through can be counted."""

from toolkit import record, text, wait_for


def application(environ, start_response):
    path = environ["PATH_INFO"]
    record("served", path)
    size = len(environ["wsgi.input"].read())
    if path.startswith("/wait/"):
        wait_for(path.removeprefix("/wait/"))
    return text(start_response, f"{path} {size}")
