"""What the tests of daemons ask for, by the first segment of the path."""

import os
import signal
import time

import mod_wsgi
from toolkit import query, record, report, routes, text, wait_for


def pid(environ, start_response):
    return text(start_response, str(os.getpid()))


def who(environ, start_response):
    told = {
        "pid": os.getpid(), "parent": os.getppid(), "uid": os.getresuid(), "gid": os.getresgid(),
        "groups": sorted(os.getgroups()), "cwd": os.getcwd(), "home": os.environ.get("HOME"),
        "lang": os.environ.get("LANG"), "lc_all": os.environ.get("LC_ALL"), "multiprocess": environ["wsgi.multiprocess"],
        "multithread": environ["wsgi.multithread"], "run_once": environ["wsgi.run_once"],
        "script": environ["SCRIPT_FILENAME"], "nice": os.nice(0),
    }  # fmt: skip
    os.umask(told.setdefault("umask", os.umask(0)))
    return report(start_response, told)


def limits(environ, start_response):
    import resource

    return report(start_response, resource.getrlimit(getattr(resource, query(environ)["name"])))


def waits(environ, start_response):
    """Waits for a gate without end, or until it is interrupted."""
    name = query(environ)["gate"]
    record("waiting", f"{name} in {os.getpid()}")
    try:
        wait_for(name)
    except mod_wsgi.RequestTimeout:
        record("interrupted", name)
        raise
    record("done", name)
    return text(start_response, "done")


def stuck(environ, start_response):
    """In one call of C for ever: no exception gets in."""
    record("waiting", "stuck")
    signal.sigwait([signal.SIGWINCH])
    return text(start_response, "never")


def crash(environ, start_response):
    os.kill(os.getpid(), signal.SIGKILL)


def crash_after(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    record("waiting", "crash")
    wait_for("crash")
    os.kill(os.getpid(), signal.SIGKILL)


def cpu(environ, start_response):
    while True:
        sum(range(1000))


def lines(environ, start_response):
    while environ["wsgi.input"].readline():
        pass
    return text(start_response, "read")


def sleeps(environ, start_response):
    time.sleep(float(query(environ)["seconds"]))
    return text(start_response, "slept")


ROUTES = {
    "limits": limits, "pid": pid, "who": who, "waits": waits, "stuck": stuck, "crash": crash, "crash-after": crash_after, "cpu": cpu,
    "lines": lines, "sleeps": sleeps,
}  # fmt: skip

# Events come with a later part of the Python module.
if hasattr(mod_wsgi, "subscribe_shutdown"):
    mod_wsgi.subscribe_shutdown(lambda name, **more: print("stopping because of", repr(more["shutdown_reason"])))
application = routes(ROUTES, validated=False)
