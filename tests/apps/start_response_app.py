"""Calls `start_response` in the way the path names and reports what came of it."""

import sys

from toolkit import query, report, text

OK = "200 OK"
PLAIN = [("Content-Type", "text/plain")]


class Text(str):
    pass


class Headers(list):
    pass


def raised():
    """An exc_info of an exception that was really raised."""
    try:
        raise KeyError("the original")
    except KeyError:
        return sys.exc_info()


#: name -> call that is made first, before any output.
BEFORE_OUTPUT = {
    "no-arguments": lambda sr: sr(),
    "one-argument": lambda sr: sr(OK),
    "four-arguments": lambda sr: sr(OK, [], None, None),
    "keywords": lambda sr: sr(status=OK, headers=[]),
    "headers-tuple": lambda sr: sr(OK, ()),
    "headers-none": lambda sr: sr(OK, None),
    "headers-dict": lambda sr: sr(OK, {}),
    "headers-iterator": lambda sr: sr(OK, iter([])),
    "exc-info-string": lambda sr: sr(OK, [], "x"),
    "exc-info-list": lambda sr: sr(OK, [], [1, 2, 3]),
    "status-bytes": lambda sr: sr(b"200 OK", []),
    "status-int": lambda sr: sr(200, []),
    "status-none": lambda sr: sr(None, []),
    "status-not-latin-1": lambda sr: sr("200 \u20ac", []),
    "status-empty": lambda sr: sr("", []),
    "status-two-digits": lambda sr: sr("20 OK", []),
    "status-four-digits": lambda sr: sr("2000 OK", []),
    "status-letters": lambda sr: sr("abc OK", []),
    "status-leading-space": lambda sr: sr(" 200 OK", []),
    "status-no-space": lambda sr: sr("200OK", []),
    "status-tab": lambda sr: sr("200\tOK", []),
    "status-newline": lambda sr: sr("200 OK\r\nX-Injected: 1", []),
    "status-control": lambda sr: sr("200 O\x01K", []),
    "header-list": lambda sr: sr(OK, [["A", "b"]]),
    "header-string": lambda sr: sr(OK, ["ab"]),
    "header-three": lambda sr: sr(OK, [("A", "b", "c")]),
    "header-one": lambda sr: sr(OK, [("A",)]),
    "name-bytes": lambda sr: sr(OK, [(b"A", "b")]),
    "value-bytes": lambda sr: sr(OK, [("A", b"b")]),
    "value-int": lambda sr: sr(OK, [("A", 1)]),
    "value-none": lambda sr: sr(OK, [("A", None)]),
    "name-not-latin-1": lambda sr: sr(OK, [("\u20ac", "b")]),
    "value-not-latin-1": lambda sr: sr(OK, [("A", "\u20ac")]),
    "name-empty": lambda sr: sr(OK, [("", "b")]),
    "name-newline": lambda sr: sr(OK, [("A\nB", "b")]),
    "name-tab": lambda sr: sr(OK, [("A\tB", "b")]),
    "name-del": lambda sr: sr(OK, [("A\x7f", "b")]),
    "name-space": lambda sr: sr(OK, [("A B", "b")]),
    "value-newline": lambda sr: sr(OK, [("A", "b\nX-Injected: 1")]),
    "value-return": lambda sr: sr(OK, [("A", "b\rc")]),
    "second-header": lambda sr: sr(OK, [("A", "b"), ("C", "d\r\n")]),
}

#: name -> call that is accepted.
ACCEPTED = {
    "reason-less": lambda sr: sr("200", list(PLAIN)),
    "reason-empty": lambda sr: sr("200 ", list(PLAIN)),
    "reason-latin-1": lambda sr: sr("200 tr\xe8s bien", list(PLAIN)),
    "unknown-status": lambda sr: sr("599 Own Words", list(PLAIN)),
    "list-subclass": lambda sr: sr(OK, Headers(PLAIN)),
    "string-subclass": lambda sr: sr(Text(OK), [(Text("X-Text"), Text("t"))]),
    "no-headers": lambda sr: sr(OK, []),
    "value-empty": lambda sr: sr(OK, [("X-Empty", ""), *PLAIN]),
    "value-latin-1": lambda sr: sr(OK, [("X-Word", "caf\xe9"), *PLAIN]),
    "value-tab": lambda sr: sr(OK, [("X-Tab", "a\tb"), *PLAIN]),
    "twice": lambda sr: (sr("404 Not Found", [("X-Old", "1")]), sr(OK, list(PLAIN))),
    "replaced": lambda sr: (
        sr(OK, [("X-Old", "1")]),
        sr("500 Replaced", [("X-New", "1")], raised()),
    ),
    "exc-info-none": lambda sr: sr(OK, list(PLAIN), None),
    "repeated-names": lambda sr: sr(OK, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
    "own-date": lambda sr: sr(OK, [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), *PLAIN]),
    "own-server": lambda sr: sr(OK, [("Server", "mine"), *PLAIN]),
    "hop-by-hop": lambda sr: sr(
        OK,
        [
            ("Connection", "x-secret"),
            ("Keep-Alive", "timeout=99"),
            ("Upgrade", "h2c"),
            ("Transfer-Encoding", "chunked"),
            *PLAIN,
        ],
    ),  # fmt: skip
}

#: name -> call that is made after the head is on its way.
AFTER_OUTPUT = {
    "again": lambda sr: sr(OK, []),
    "exc-info": lambda sr: sr("500 Late", [], raised()),
    "exc-info-short": lambda sr: sr("500 Late", [], (1, 2)),
    "exc-info-empty": lambda sr: sr("500 Late", [], ()),
}

_kept = {}


def outcome(call, *arguments):
    try:
        result = call(*arguments)
    except BaseException as error:
        return [type(error).__name__, str(error)]
    return ["returned", type(result).__name__]


def application(environ, start_response):
    kind, _, name = environ["PATH_INFO"].strip("/").partition("/")
    return KINDS[kind](name, environ, start_response)


def before(name, environ, start_response):
    said = outcome(BEFORE_OUTPUT[name], start_response)
    return report(start_response, said)


def keeps_earlier(name, environ, start_response):
    """A failed call leaves the status and headers of the one before."""
    start_response("202 Earlier", [("X-Earlier", "1"), *PLAIN])
    outcome(BEFORE_OUTPUT[name], start_response)
    return [b"kept"]


def accepted(name, environ, start_response):
    ACCEPTED[name](start_response)
    return [b"body"]


def after(name, environ, start_response):
    write = start_response(OK, list(PLAIN))
    write(b"first|")
    return [repr(outcome(AFTER_OUTPUT[name], start_response)).encode()]


def result(name, environ, start_response):
    """The callable that start_response returns, and what it refuses."""
    write = start_response(OK, list(PLAIN))
    said = [callable(write)]
    for value in ("text", bytearray(b"x"), memoryview(b"x"), None, 1):
        said.append(outcome(write, value))
    said.append(outcome(write, b""))
    return [repr(said).encode()]


def bad_length(name, environ, start_response):
    write = start_response(OK, [("Content-Length", query(environ)["value"])])
    said = outcome(write, b"x")
    return report(start_response, said)


def keep(name, environ, start_response):
    _kept["start_response"] = start_response
    _kept["write"] = start_response(OK, list(PLAIN))
    _kept["input"] = environ["wsgi.input"]
    _kept["errors"] = environ["wsgi.errors"]
    return [b"kept"]


def use(name, environ, start_response):
    """Uses what an earlier request left; null when this interpreter served none."""
    if not _kept:
        return report(start_response, None)
    source = _kept["input"]
    said = {
        "start_response": outcome(_kept["start_response"], OK, []),
        "write": outcome(_kept["write"], b"late"),
        "read": outcome(source.read),
        "readline": outcome(source.readline),
        "readlines": outcome(source.readlines),
        "iteration": outcome(next, iter(source)) if hasattr(source, "__iter__") else None,
        "errors": outcome(write_line, _kept["errors"]),
    }
    return report(start_response, said)


def write_line(stream):
    stream.write("late line\n")
    stream.flush()


def no_start(name, environ, start_response):
    return {"empty": [], "block": [b"x"], "empty-block": [b""]}[name]


def odd_head(name, environ, start_response):
    heads = {
        "colon": [("X:Injected", "1")],
        "nul-value": [("X-Nul", "a\0b")],
        "quote": [('X"Q', "1")],
    }
    start_response(OK, [*heads[name], *PLAIN])
    return [b"body"]


def bodiless(name, environ, start_response):
    start_response({"204": "204 No Content", "304": "304 Not Modified"}[name], [])
    return [b"never seen"]


def plain(name, environ, start_response):
    return text(start_response, "plain")


KINDS = {
    "before": before, "keeps-earlier": keeps_earlier, "accepted": accepted, "after": after,
    "result": result, "bad-length": bad_length, "keep": keep, "use": use, "no-start": no_start,
    "odd-head": odd_head, "bodiless": bodiless, "plain": plain,
}  # fmt: skip
