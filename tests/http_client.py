"""A small, strict HTTP/1.1 client over a raw socket.

It sends exactly the bytes it is given and refuses everything in an answer that RFC 9112 does not
allow a server to send, so that a sloppy response fails the test that provoked it.
"""

from __future__ import annotations

import re
import socket
import weakref
from dataclasses import dataclass, field

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ([\t \x21-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t \x21-\x7e\x80-\xff]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})")

_open: weakref.WeakSet[Connection] = weakref.WeakSet()


class BadResponse(AssertionError):
    """The bytes of the server are not a response of HTTP/1.1."""


class Truncated(Exception):
    """The connection ended inside a response; `partial` is what had arrived of the body."""

    def __init__(self, where: str, partial: bytes = b"", head: Response | None = None) -> None:
        super().__init__(f"connection ended in {where}, after {len(partial)} bytes of body")
        self.partial = partial
        self.head = head


class Closed(Exception):
    """The connection ended where a response could have begun."""


@dataclass
class Response:
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    #: Final status codes are in `status`; the 1xx responses before it are here.
    interim: list[int] = field(default_factory=list)
    #: How the end of the body was told: "none", "length", "chunked" or "close".
    framing: str = "none"

    def header(self, name: str) -> str | None:
        """The one value of a header; a repeated one is an error of the test or of the server."""
        found = self.headers(name)
        if len(found) > 1:
            raise BadResponse(f"{name} sent {len(found)} times: {found}")
        return found[0] if found else None

    def headers(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def closes(self) -> bool:
        options = ",".join(self.headers("Connection")).lower()
        return "close" in [option.strip() for option in options.split(",")]


def request(
    method: str,
    target: str,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes | None = None,
    *,
    version: str = "HTTP/1.1",
    host: str | None = "test.example",
) -> bytes:
    """The bytes of a well-formed request; Host and Content-Length are added when not given."""
    lines = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
    names = {name.lower() for name, _ in lines}
    if host is not None and "host" not in names:
        lines.insert(0, ("Host", host))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(body))))
    head = f"{method} {target} {version}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines)
    return head.encode("latin-1") + b"\r\n" + (body or b"")


def chunked(*blocks: bytes) -> bytes:
    """A chunked body, one chunk for each block."""
    return b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks) + b"0\r\n\r\n"


class Connection:
    """One connection; every read has a deadline, so that a silent server is a failure."""

    def __init__(self, address: str | tuple[str, int], timeout: float = 20.0) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._ended = False
        _open.add(self)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def try_send(self, data: bytes) -> bool:
        """Sends what a server may legitimately refuse to read; False when it hung up meanwhile."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def request(self, method: str, target: str, *rest, **more) -> Response:
        self.send(request(method, target, *rest, **more))
        return self.response(method)

    def get(self, target: str = "/", **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", target, named)

    def post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> Response:
        return self.request("POST", target, headers, body)

    def response(self, method: str = "GET") -> Response:
        """The next response with its whole body."""
        head = self.response_head()
        head.body = b"".join(self.blocks(head, method))
        return head

    def response_head(self) -> Response:
        """The next response up to its empty line, after any 1xx ones."""
        interim: list[int] = []
        while True:
            head = self._head()
            head.interim = interim
            if 100 <= head.status < 200 and head.status != 101:
                interim.append(head.status)
                continue
            return head

    def blocks(self, head: Response, method: str = "GET"):
        """The body as it comes in: by chunk when it is chunked, else by what a read gives."""
        lengths, codings = head.headers("Content-Length"), head.headers("Transfer-Encoding")
        if lengths and codings:
            raise BadResponse("Content-Length together with Transfer-Encoding")
        if len(lengths) > 1:
            raise BadResponse(f"Content-Length {lengths}")
        if method == "HEAD" or head.status in (204, 304):
            head.framing = "none"
        elif codings:
            if codings != ["chunked"]:
                raise BadResponse(f"Transfer-Encoding {codings}")
            head.framing = "chunked"
            yield from self._chunks(head)
        elif lengths:
            if not re.fullmatch("[0-9]+", lengths[0]):
                raise BadResponse(f"Content-Length {lengths}")
            head.framing = "length"
            yield from self._counted(int(lengths[0]), head)
        else:
            head.framing = "close"
            yield from self._to_the_end()

    def expect_closed(self) -> None:
        """The server closed, and sent nothing more before it did."""
        rest = self.rest()
        if rest:
            raise BadResponse(f"bytes after the last response: {rest[:200]!r}")

    def rest(self) -> bytes:
        """Everything up to the end of the connection; a reset is an end."""
        data = b"".join(self._to_the_end())
        return data

    def silent(self, seconds: float = 0.2) -> bool:
        """Nothing came within a short time. For what must *not* be sent; never used to wait."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return not self._buffer and not self._ended and not self._fill()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)

    def _head(self) -> Response:
        lines = self._until_empty_line()
        status = _STATUS_LINE.fullmatch(lines[0])
        if not status:
            raise BadResponse(f"status line {lines[0]!r}")
        fields = []
        for line in lines[1:]:
            match = _FIELD.fullmatch(line)
            if not match:
                raise BadResponse(f"header line {line!r}")
            fields.append((match[1].decode("ascii"), match[2].decode("latin-1")))
        return Response(int(status[1]), status[2].decode("latin-1"), fields)

    def _until_empty_line(self) -> list[bytes]:
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                if self._buffer:
                    raise Truncated(f"the head {self._buffer[:80]!r}")
                raise Closed()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
            raise BadResponse(f"bare CR or LF in the head {head!r}")
        return head.split(b"\r\n")

    def _chunks(self, head: Response):
        arrived = bytearray()
        while True:
            line = self._line("a chunk size", arrived, head)
            size = _CHUNK_SIZE.fullmatch(line)
            if not size:
                raise BadResponse(f"chunk size {line!r}")
            length = int(size[1], 16)
            block = self._exactly(length + 2, "a chunk", arrived, head)
            if block[-2:] != b"\r\n":
                raise BadResponse(f"chunk ends in {block[-2:]!r}")
            if length == 0:
                return
            arrived += block[:-2]
            yield block[:-2]

    def _counted(self, length: int, head: Response):
        arrived = bytearray()
        while len(arrived) < length:
            if not self._buffer and not self._fill():
                raise Truncated(f"a body of {length} bytes", bytes(arrived), head)
            block = self._buffer[: length - len(arrived)]
            self._buffer = self._buffer[len(block) :]
            arrived += block
            yield block

    def _to_the_end(self):
        while self._buffer or self._fill():
            block, self._buffer = self._buffer, b""
            yield block

    def _line(self, where: str, arrived: bytearray, head: Response) -> bytes:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                raise Truncated(where, bytes(arrived), head)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, count: int, where: str, arrived: bytearray, head: Response) -> bytes:
        pieces, have = [self._buffer], len(self._buffer)
        while have < count:
            self._buffer = b""
            if not self._fill():
                raise Truncated(where, bytes(arrived) + b"".join(pieces), head)
            pieces.append(self._buffer)
            have += len(self._buffer)
        whole = b"".join(pieces)
        self._buffer = whole[count:]
        return whole[:count]

    def _fill(self) -> bool:
        if self._ended:
            return False
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            data = b""
        self._ended = not data
        self._buffer += data
        return bool(data)


def close_all() -> None:
    """Closes what a test left open, so that a server is judged by its own leaks only."""
    for connection in list(_open):
        connection.close()
