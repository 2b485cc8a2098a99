"""Response bodies: a send for each block, `write()`, every kind of iterable, and `close()`."""

import itertools

import pytest

from harness.wait import until

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("body_app")


@pytest.fixture
def name():
    """A file name no other test uses: for gates and records."""
    return f"name{next(_numbers)}"


def closed(server, name):
    until(lambda: server.recorded(name), "close()")
    return len(server.recorded(name))


@pytest.mark.parametrize("route", ["gated", "gated-after-empty", "gated-write"])
def test_each_block_arrives_before_the_next_is_made(server, name, route):
    with server.connect() as connection:
        connection.send(f"GET /{route}?gate={name} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head = connection.response_head()
        blocks = connection.blocks(head)
        assert next(blocks) == b"first"
        server.release(name)
        assert b"".join(blocks).startswith(b"second")


def test_each_block_arrives_before_the_next_is_made_in_http_1_0(server, name):
    with server.connect() as connection:
        connection.send(f"GET /gated?gate={name} HTTP/1.0\r\n\r\n".encode())
        head = connection.response_head()
        assert not head.headers("Transfer-Encoding")
        blocks = connection.blocks(head)
        assert next(blocks) == b"first"
        server.release(name)
        assert b"".join(blocks) == b"second"


@pytest.mark.parametrize(
    "kind", ["list", "tuple", "generator", "iterator", "sequence", "body", "set"]
)
def test_every_kind_of_iterable(server, kind):
    assert server.get(f"/kinds?kind={kind}").body == b"one two three"


def test_a_generator_may_start_late(server):
    assert server.get("/late-start").body == b"late"


@pytest.mark.parametrize("route", ["never-output", "only-empty"])
def test_an_empty_body_still_has_a_head(server, route):
    with server.connect() as connection:
        response = connection.get(f"/{route}")
        assert (response.status, response.body) == (200, b"")
        assert response.framing in ("length", "chunked")
        assert connection.get("/ok").body == b"ok"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bytes", "response iterable must yield bytes, not int"),
        ("str", "response iterable must yield bytes, not str"),
        ("list-of-str", "response iterable must yield bytes, not str"),
        ("list-of-bytearray", "response iterable must yield bytes, not bytearray"),
        ("list-of-none", "response iterable must yield bytes, not NoneType"),
        ("none", ""),
        ("int", ""),
    ],
)
def test_what_is_no_iterable_of_bytes_is_an_error(server, kind, said):
    server.log.expect_traceback(f"TypeError: .*{said}")
    assert server.get(f"/refused?kind={kind}").status == 500


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 1 << 20, 10 << 20])
@pytest.mark.parametrize("blocks", [1, 7])
def test_bodies_of_many_sizes_arrive_whole(server, size, blocks):
    body = server.get(f"/sized?size={size}&blocks={blocks}").body
    assert len(body) == size
    assert body == (bytes(range(256)) * (size // 256 + 1))[:size]


def test_thousands_of_small_blocks(server):
    assert server.get("/sized?size=5000&blocks=5000").body[:256] == bytes(range(256))
    assert server.get("/written?size=3&blocks=5000").body == b"x" * 15000


@pytest.mark.parametrize("size", [1, 100_000, 3 << 20])
def test_write_in_many_sizes(server, size):
    assert server.get(f"/written?size={size}&blocks=3").body == b"x" * 3 * size


def test_call_iteration_and_close_run_on_one_thread(server):
    assert server.get("/same-thread").body == b"True True True "
    until(lambda: server.recorded("threads"), "close()")
    assert server.recorded("threads") == ["True"]


# close(), exactly once


@pytest.mark.parametrize(
    "target",
    [
        "/kinds?kind=body", "/never-output?a", "/only-empty?a", "/sized?size=3000000&blocks=9",
        "/sized?size=10&blocks=5&length=4", "/sized?size=5&length=5",
        "/sized?size=0&status=304+Not+Modified", "/sized?size=9&status=204+No+Content",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_called_once(server, name, target, method):
    with server.connect() as connection:
        assert connection.request(method, f"{target}&record={name}").status < 400
    assert closed(server, name) == 1
    assert server.get("/ok").body == b"ok"
    assert closed(server, name) == 1


@pytest.mark.parametrize("where", ["iter", "first"])
def test_close_is_called_once_after_an_early_error(server, name, where):
    server.log.expect_traceback(f"Failing: in {where}")
    assert server.get(f"/raise?where={where}&record={name}").status == 500
    assert closed(server, name) == 1


def test_close_is_called_once_after_a_late_error(server, name):
    server.log.expect_traceback("Failing: in second")
    with server.connect() as connection:
        connection.send(f"GET /raise?where=second&record={name} HTTP/1.0\r\n\r\n".encode())
        connection.rest()
    assert closed(server, name) == 1


@pytest.mark.parametrize("hang_up", ["close", "reset"])
@pytest.mark.parametrize("route", ["endless", "endless-write"])
def test_a_client_that_leaves_ends_the_body(server, name, route, hang_up):
    with server.connect() as connection:
        connection.send(f"GET /{route}?record={name} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head = connection.response_head()
        assert next(connection.blocks(head))
        getattr(connection, hang_up)()
    assert closed(server, name) == 1
    assert server.get("/ok").body == b"ok"
    assert closed(server, name) == 1


def test_write_raises_an_oserror_when_the_client_is_gone(server, name):
    before = len(server.recorded("write-error"))
    with server.connect() as connection:
        connection.send(f"GET /endless-write?record={name} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        connection.response_head()
        connection.reset()
    told = until(lambda: server.recorded("write-error")[before:], "write() to fail")
    assert told == ["OSError"]
