"""Serves files through `wsgi.file_wrapper`."""

import io
import os

from toolkit import FOLDER, TEXT, query, record, report, text

PATH = os.path.join(FOLDER, "served.bin")
OCTETS = [("Content-Type", "application/octet-stream")]


class Recorded:
    """A file that records its close()."""

    def __init__(self, inner, name):
        self._inner, self._name = inner, name

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def close(self):
        record(self._name, "close")
        self._inner.close()


class ReadOnly:
    """The least that a file wrapper must take: read()."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, size):
        return self._data.read(size)


def opened(environ, asked):
    kind = asked.get("kind", "file")
    if kind == "file":
        return open(PATH, "rb")
    if kind == "unbuffered":
        return open(PATH, "rb", buffering=0)
    with open(PATH, "rb") as source:
        data = source.read()
    if kind == "bytesio":
        return io.BytesIO(data)
    if kind == "read-only":
        return ReadOnly(data)
    if kind == "pipe":
        reading, writing = os.pipe()
        os.write(writing, data[:4096])
        os.close(writing)
        return os.fdopen(reading, "rb")
    raise AssertionError(kind)


def wrapped(environ, start_response):
    asked = query(environ)
    source = opened(environ, asked)
    if "offset" in asked:
        source.seek(int(asked["offset"]))
    if "record" in asked:
        source = Recorded(source, asked["record"])
    headers = list(OCTETS)
    if "length" in asked:
        headers.append(("Content-Length", asked["length"]))
    write = start_response(asked.get("status", "200 OK"), headers)
    if "write" in asked:
        write(asked["write"].encode())
    wrapper = environ["wsgi.file_wrapper"]
    return wrapper(source, int(asked["block"])) if "block" in asked else wrapper(source)


def keeps_offset(environ, start_response):
    """A file that stays open after the response; its offset is told by the next request."""
    global _kept
    _kept = open(PATH, "rb", buffering=0)
    _kept.seek(7)

    class Unclosed(Recorded):
        def close(self):
            pass

    start_response("200 OK", list(OCTETS))
    return environ["wsgi.file_wrapper"](Unclosed(_kept, ""))


_kept = None


def told_offset(environ, start_response):
    global _kept
    if _kept is None:
        return report(start_response, None)
    offset = _kept.tell()
    _kept.close()
    _kept = None
    return report(start_response, offset)


def outcome(call):
    try:
        return ["returned", repr(call())]
    except Exception as error:
        return [type(error).__name__, str(error)]


class BadRead:
    def read(self, size):
        return "text"


class Loud:
    closed_times = 0

    def read(self, size):
        return b""

    def close(self):
        self.closed_times += 1
        raise OSError("swallowed")


def protocol(environ, start_response):
    """What the class is like when the application uses it itself."""
    wrapper = environ["wsgi.file_wrapper"]

    class Own(wrapper):
        pass

    one = wrapper(io.BytesIO(b"abcdef"), 4)
    closed = wrapper(io.BytesIO(b"abc"))
    closed.close()
    loud = Loud()
    twice = wrapper(loud)
    twice.close()
    twice.close()
    said = {
        "is a class": isinstance(wrapper, type),
        "blocks": [block.decode() for block in one],
        "subclass blocks": [block.decode() for block in Own(io.BytesIO(b"abc"), 2)],
        "default blksize": wrapper(io.BytesIO()).blksize,
        "keywords": wrapper(filelike=io.BytesIO(), blksize=5).blksize,
        "negative": outcome(lambda: wrapper(io.BytesIO(), -1)),
        "read-only blksize": outcome(lambda: setattr(one, "blksize", 1))[0],
        "read-only filelike": outcome(lambda: setattr(one, "filelike", None))[0],
        "bad read": outcome(lambda: next(iter(wrapper(BadRead())))),
        "closed filelike": outcome(lambda: closed.filelike),
        "closed iteration": outcome(lambda: next(iter(closed))),
        "closed once": loud.closed_times,
    }
    return report(start_response, said)


def subclassed(environ, start_response):
    class Own(environ["wsgi.file_wrapper"]):
        pass

    start_response("200 OK", list(OCTETS))
    return Own(open(PATH, "rb"))


def not_started(environ, start_response):
    return environ["wsgi.file_wrapper"](open(PATH, "rb"))


def iterated_by_hand(environ, start_response):
    """The wrapper inside another iterable: its blocks are just blocks."""
    start_response("200 OK", list(TEXT))
    with open(PATH, "rb") as source:
        return list(environ["wsgi.file_wrapper"](source, 1000))


ROUTES = {
    "file": wrapped, "keeps-offset": keeps_offset, "told-offset": told_offset,
    "protocol": protocol, "subclassed": subclassed, "not-started": not_started,
    "by-hand": iterated_by_hand, "ok": lambda _, sr: text(sr, "ok"),
}  # fmt: skip


def application(environ, start_response):
    return ROUTES[environ["PATH_INFO"].strip("/")](environ, start_response)
