"""Writes to `wsgi.errors`, standard output, standard error and `logging`."""

import logging
import sys
import threading

from toolkit import query, report, text


def write(environ, start_response):
    environ["wsgi.errors"].write(query(environ)["text"] + "\n")
    return text(start_response, "ok")


def methods(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("by write\n")
    stream.writelines(["by ", "writelines\n", "second of writelines\n"])
    print("by print", file=stream)
    stream.write("without an end")
    stream.flush()
    return text(start_response, "ok")


def unfinished(environ, start_response):
    environ["wsgi.errors"].write("never finished")
    return text(start_response, "ok")


def forge(environ, start_response):
    environ["wsgi.errors"].write("begin\x1b[31m\0 \r end\n")
    return text(start_response, "ok")


def outcome(call):
    try:
        return ["returned", repr(call())]
    except Exception as error:
        return [type(error).__name__, str(error)]


def protocol(environ, start_response):
    stream = environ["wsgi.errors"]
    said = {
        "encoding": stream.encoding,
        "errors": stream.errors,
        "name": stream.name,
        "isatty": stream.isatty(),
        "writable": stream.writable(),
        "readable": stream.readable(),
        "closed": stream.closed,
        "fileno": outcome(stream.fileno)[0],
        "bytes": outcome(lambda: stream.write(b"x"))[0],
    }
    return report(start_response, said)


def elsewhere(environ, start_response):
    print("on standard output")
    print("on standard error", file=sys.stderr)
    logging.getLogger("app").warning("through logging")
    thread = threading.Thread(target=lambda: print("from a thread", file=sys.stderr))
    thread.start()
    thread.join()
    return text(start_response, "ok")


ROUTES = {
    "write": write, "methods": methods, "unfinished": unfinished, "forge": forge,
    "protocol": protocol, "elsewhere": elsewhere,
}  # fmt: skip


def application(environ, start_response):
    return ROUTES[environ["PATH_INFO"].strip("/")](environ, start_response)
