"""Tells who answered, and does to its own process what a test of the supervisor asks for."""

import os
import signal
import sys
import threading
import time

from toolkit import query, record, report, text, wait_for

record("loaded", str(os.getpid()))


def identity():
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "thread": threading.get_native_id(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "umask": read_umask(),
        "cwd": os.getcwd(),
    }


def read_umask():
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("Umask"))


def who(environ, start_response):
    return report(start_response, identity())


def wait(environ, start_response):
    record("waiting", str(os.getpid()))
    wait_for(query(environ)["gate"])
    return report(start_response, identity())


def streaming(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        yield b"first "
        wait_for(query(environ)["gate"])
        yield b"last"

    return blocks()


def crash(environ, start_response):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def leave(environ, start_response):
    os._exit(int(query(environ)["code"]))


def segfault(environ, start_response):
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


def stop_yourself(environ, start_response):
    os.kill(os.getpid(), signal.SIGSTOP)
    return text(start_response, "awake again")


def hold_gil(environ, start_response):
    """C code that never lets another thread of the interpreter run, and hears no interruption."""
    record("holding", str(os.getpid()))
    sum(range(10**15))
    return text(start_response, "never")


def spin(environ, start_response):
    record("spinning", str(os.getpid()))
    while True:
        pass


def wait_hidden(environ, start_response):
    record("waiting", str(os.getpid()))
    while True:
        try:
            wait_for("never", 3600)
        except BaseException:
            pass


def interpreter_flags(environ, start_response):
    return report(start_response, [sys.flags.optimize, sys.executable])


ROUTES = {
    "": who, "wait": wait, "streaming": streaming, "crash": crash, "leave": leave,
    "segfault": segfault, "stop": stop_yourself, "hold-gil": hold_gil, "spin": spin,
    "wait-hidden": wait_hidden, "flags": interpreter_flags,
}  # fmt: skip


def application(environ, start_response):
    return ROUTES[environ["PATH_INFO"].strip("/")](environ, start_response)
