"""Produces response bodies in every way PEP 3333 knows, and records when they are closed."""

import threading

from toolkit import TEXT, query, record, text, wait_for


class Body:
    """An iterable that records its close()."""

    def __init__(self, environ, blocks):
        self._name = query(environ).get("record", "closed")
        self._blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._blocks)

    def close(self):
        record(self._name, "close")


class Sequence:
    """Iterable by the old protocol only: no __iter__."""

    def __getitem__(self, index):
        return [b"one ", b"two ", b"three"][index]


def start(start_response, *headers, status="200 OK"):
    return start_response(status, [*TEXT, *headers])


def gated(environ, start_response):
    """Two blocks; the second is made only when the test says so."""
    start(start_response)

    def blocks():
        yield b"first"
        wait_for(query(environ)["gate"])
        yield b"second"

    return Body(environ, blocks())


def gated_after_empty(environ, start_response):
    start(start_response)

    def blocks():
        yield b""
        yield b"first"
        yield b""
        wait_for(query(environ)["gate"])
        yield b"second"

    return Body(environ, blocks())


def gated_write(environ, start_response):
    write = start(start_response)
    write(b"first")
    wait_for(query(environ)["gate"])
    write(b"second")
    return Body(environ, [b"third"])


def late_start(environ, start_response):
    """A generator function: nothing runs before the first iteration."""
    yield b""
    start(start_response)
    yield b""
    yield b"late"


def never_output(environ, start_response):
    start(start_response)
    return Body(environ, [])


def only_empty(environ, start_response):
    start(start_response)
    return Body(environ, [b"", b""])


def kinds(environ, start_response):
    start(start_response)
    return {
        "list": [b"one ", b"two ", b"three"],
        "tuple": (b"one ", b"two ", b"three"),
        "generator": (block for block in (b"one ", b"two ", b"three")),
        "iterator": iter([b"one ", b"two ", b"three"]),
        "sequence": Sequence(),
        "body": Body(environ, [b"one ", b"two ", b"three"]),
        "set": {b"one two three"},
    }[query(environ)["kind"]]


def refused(environ, start_response):
    start(start_response)
    return {
        "bytes": b"abc",
        "str": "abc",
        "none": None,
        "int": 1,
        "list-of-str": ["abc"],
        "list-of-bytearray": [bytearray(b"abc")],
        "list-of-none": [None],
    }[query(environ)["kind"]]


def sized(environ, start_response):
    """`size` bytes in `blocks` blocks, with a Content-Length when `length` is given."""
    asked = query(environ)
    size, count = int(asked["size"]), int(asked.get("blocks", 1))
    data = bytes(range(256)) * (size // 256 + 1)
    step = max(1, -(-size // count))
    headers = [("Content-Length", asked["length"])] if "length" in asked else []
    start(start_response, *headers, status=asked.get("status", "200 OK"))
    return Body(environ, (data[at : min(at + step, size)] for at in range(0, size, step)))


def written(environ, start_response):
    """As `sized`, through write()."""
    asked = query(environ)
    headers = [("Content-Length", asked["length"])] if "length" in asked else []
    write = start(start_response, *headers)
    for _ in range(int(asked.get("blocks", 1))):
        write(b"x" * int(asked["size"]))
    return Body(environ, [])


def endless(environ, start_response):
    """Iterates until the client is gone."""
    start(start_response)

    def blocks():
        try:
            while True:
                yield b"x" * 65536
        finally:
            record("ended", "generator")

    return Body(environ, blocks())


def endless_write(environ, start_response):
    write = start(start_response)
    try:
        while True:
            write(b"x" * 65536)
    except BaseException as error:
        record("write-error", "OSError" if isinstance(error, OSError) else repr(error))
    return Body(environ, [])


def same_thread(environ, start_response):
    """The call, the iteration and close() run on one thread."""
    called = threading.get_ident()
    start(start_response)

    class Watched(Body):
        def close(self):
            record("threads", str(threading.get_ident() == called))

    def blocks():
        for _ in range(3):
            yield str(threading.get_ident() == called).encode() + b" "

    return Watched(environ, blocks())


class Failing(Exception):
    pass


def raise_in(environ, start_response):
    asked = query(environ)
    where, headers = asked["where"], []
    if "length" in asked:
        headers = [("Content-Length", asked["length"])]
    if where == "call":
        raise Failing("in call")
    write = start(start_response, *headers)
    if where == "started":
        raise Failing("in started")
    if where == "written":
        write(b"partial")
        raise Failing("in written")

    class Bad(Body):
        def __iter__(self):
            if where == "iter":
                raise Failing("in iter")
            return self

        def close(self):
            super().close()
            if where == "close":
                raise Failing("in close")

    def blocks():
        if where == "first":
            raise Failing("in first")
        yield b"partial"
        if where == "second":
            raise Failing("in second")

    return Bad(environ, blocks())


class Hostile(Exception):
    def __str__(self):
        raise RuntimeError("no text either")


def recurse(depth=0):
    return recurse(depth + 1)


def raise_kind(environ, start_response):
    kind = query(environ)["kind"]
    if kind == "system-exit":
        raise SystemExit(3)
    if kind == "keyboard-interrupt":
        raise KeyboardInterrupt
    if kind == "generator-exit":
        raise GeneratorExit
    if kind == "stop-iteration":
        raise StopIteration
    if kind == "hostile":
        raise Hostile
    if kind == "newlines":
        raise Failing("one\nINFO forged line\r\x1b[31m\0two")
    if kind == "surrogate":
        raise Failing("\udcff and \u20ac")
    if kind == "recursion":
        recurse()
    if kind == "memory":
        raise MemoryError
    if kind == "chained":
        try:
            raise Failing("the cause")
        except Failing as error:
            raise Failing("the effect") from error
    if kind == "huge":
        raise Failing("x" * 200_000)
    raise AssertionError(kind)


def close_property(environ, start_response):
    """Looking `close` up fails with something that is no AttributeError."""
    start(start_response)

    class Odd(Body):
        @property
        def close(self):
            raise Failing("no close for you")

    return Odd(environ, [b"body"])


def ok(environ, start_response):
    return text(start_response, "ok")


ROUTES = {
    "gated": gated, "gated-after-empty": gated_after_empty, "gated-write": gated_write,
    "late-start": late_start, "never-output": never_output, "only-empty": only_empty,
    "kinds": kinds, "refused": refused, "sized": sized, "written": written, "endless": endless,
    "endless-write": endless_write, "same-thread": same_thread, "raise": raise_in,
    "raise-kind": raise_kind, "close-property": close_property, "ok": ok,
}  # fmt: skip


def application(environ, start_response):
    return ROUTES[environ["PATH_INFO"].strip("/")](environ, start_response)
