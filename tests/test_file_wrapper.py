"""`wsgi.file_wrapper`: what is sent of which file, from where, and that it is closed."""

import itertools
import json
import random

import pytest

from harness.wait import until
from http_client import Truncated

SMALL = bytes(range(256)) * 40
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(serve_module):
    server = serve_module("file_app")
    (server.folder / "served.bin").write_bytes(SMALL)
    return server


@pytest.mark.parametrize("kind", ["file", "unbuffered", "bytesio", "read-only"])
def test_the_whole_file(server, kind):
    with server.connect() as connection:
        assert connection.get(f"/file?kind={kind}").body == SMALL
        assert connection.get("/ok").body == b"ok"


@pytest.mark.parametrize("kind", ["file", "unbuffered"])
def test_a_regular_file_has_a_content_length(server, kind):
    assert server.get(f"/file?kind={kind}").header("Content-Length") == str(len(SMALL))
    assert server.get(f"/file?kind={kind}&offset=100").header("Content-Length") == str(
        len(SMALL) - 100
    )


def test_a_pipe_is_iterated(server):
    assert server.get("/file?kind=pipe&block=100").body == SMALL[:4096]


@pytest.mark.parametrize("kind", ["file", "unbuffered", "bytesio"])
@pytest.mark.parametrize("offset", [1, 9000, len(SMALL)])
def test_from_where_the_file_stands(server, kind, offset):
    assert server.get(f"/file?kind={kind}&offset={offset}").body == SMALL[offset:]


@pytest.mark.parametrize("kind", ["file", "bytesio"])
@pytest.mark.parametrize(("offset", "length"), [(0, 5), (100, 5000), (100, 0)])
def test_no_more_than_the_declared_length(server, kind, offset, length):
    with server.connect() as connection:
        target = f"/file?kind={kind}&offset={offset}&length={length}"
        assert connection.get(target).body == SMALL[offset : offset + length]
        assert connection.get("/ok").body == b"ok"


def test_a_file_shorter_than_declared_is_a_visible_truncation(server):
    server.log.allow(r"(?i)content-length|short|file")
    with server.connect() as connection, pytest.raises(Truncated) as caught:
        connection.get(f"/file?length={len(SMALL) + 10}")
    assert caught.value.partial == SMALL


def test_after_write_the_rest_is_iterated(server):
    assert server.get("/file?write=before").body == b"before" + SMALL


def test_head_sends_the_length_and_no_byte(server):
    with server.connect() as connection:
        response = connection.request("HEAD", "/file")
        assert response.header("Content-Length") == str(len(SMALL))
        assert connection.get("/ok").body == b"ok"


@pytest.mark.parametrize("status", ["204+No+Content", "304+Not+Modified"])
def test_a_status_without_body_sends_no_byte(server, status):
    with server.connect() as connection:
        assert connection.get(f"/file?status={status}").body == b""
        assert connection.get("/ok").body == b"ok"


def test_http_1_0(server):
    with server.connect() as connection:
        assert connection.request("GET", "/file", version="HTTP/1.0").body == SMALL


@pytest.mark.parametrize("kind", ["file", "bytesio"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_file_is_closed_once(server, kind, method):
    name = f"closed{next(_numbers)}"
    with server.connect() as connection:
        connection.request(method, f"/file?kind={kind}&record={name}")
    until(lambda: server.recorded(name), "close()")
    assert server.get("/ok").body == b"ok"
    assert server.recorded(name) == ["close"]


def test_the_offset_of_the_file_is_put_back(server):
    assert server.get("/keeps-offset").body == SMALL[7:]
    offset = until(
        lambda: json.loads(server.get("/told-offset").text), "the interpreter that has the file"
    )
    assert offset == 7


def test_a_subclass_and_a_wrapper_used_by_hand(server):
    assert server.get("/subclassed").body == SMALL
    assert server.get("/by-hand").body == SMALL


def test_without_start_response_it_is_an_error(server):
    server.log.expect_traceback(
        r"RuntimeError: start_response\(\) must be called before response content is produced"
    )
    assert server.get("/not-started").status == 500


def test_the_class(server):
    assert json.loads(server.get("/protocol").text) == {
        "is a class": True,
        "blocks": ["abcd", "ef"],
        "subclass blocks": ["ab", "c"],
        "default blksize": 8192,
        "keywords": 5,
        "negative": ["ValueError", "blksize must not be negative"],
        "read-only blksize": "AttributeError",
        "read-only filelike": "AttributeError",
        "bad read": ["TypeError", "file wrapper read() must return bytes, not str"],
        "closed filelike": ["ValueError", "I/O operation on closed file"],
        "closed iteration": ["ValueError", "I/O operation on closed file"],
        "closed once": 1,
    }


def test_a_large_file_to_a_client_that_reads_slowly(server):
    large = random.Random(1).randbytes(8 << 20)
    path = server.folder / "served.bin"
    path.write_bytes(large)
    try:
        with server.connect() as connection:
            connection.send(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
            head = connection.response_head()
            assert not connection.silent(0.3), "the body begins before anybody reads it"
            assert b"".join(connection.blocks(head)) == large
    finally:
        path.write_bytes(SMALL)


def test_a_client_that_leaves_in_the_middle(server):
    path = server.folder / "served.bin"
    path.write_bytes(b"x" * (16 << 20))
    name = f"closed{next(_numbers)}"
    try:
        with server.connect() as connection:
            connection.send(f"GET /file?record={name} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            connection.response_head()
            connection.reset()
        until(lambda: server.recorded(name), "close()")
    finally:
        path.write_bytes(SMALL)
