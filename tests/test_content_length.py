"""The application's Content-Length: never more bytes than it says, and never silently fewer."""

import pytest

from http_client import Truncated


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("body_app")


@pytest.mark.parametrize(("size", "blocks"), [(5, 1), (5, 5), (300_000, 3), (0, 1)])
def test_an_exact_length_keeps_the_connection(server, size, blocks):
    with server.connect() as connection:
        response = connection.get(f"/sized?size={size}&blocks={blocks}&length={size}")
        assert (response.framing, len(response.body)) == ("length", size)
        assert connection.get("/ok").body == b"ok"


@pytest.mark.parametrize("route", ["sized", "written"])
@pytest.mark.parametrize(("size", "length"), [(10, 4), (10, 0), (200_000, 70_000)])
def test_the_surplus_is_cut(server, route, size, length):
    with server.connect() as connection:
        response = connection.get(f"/{route}?size={size}&blocks=1&length={length}")
        assert len(response.body) == length
        if not response.closes:
            assert connection.get("/ok").body == b"ok", "the surplus was sent"
        else:
            connection.expect_closed()


def test_the_surplus_of_later_blocks_is_cut(server):
    with server.connect() as connection:
        assert len(connection.get("/sized?size=90&blocks=9&length=15").body) == 15
        assert connection.get("/ok").body == b"ok", "the surplus was sent"


@pytest.mark.parametrize("route", ["sized", "written"])
@pytest.mark.parametrize(("size", "length"), [(4, 10), (100_000, 200_000)])
def test_a_shortfall_is_visible_to_the_client(server, route, size, length):
    server.log.allow(r"(?i)content-length|short")
    with server.connect() as connection, pytest.raises(Truncated) as caught:
        connection.get(f"/{route}?size={size}&length={length}")
    assert len(caught.value.partial) == size


def test_an_empty_body_of_a_declared_length_is_a_shortfall(server):
    server.log.allow(r"(?i)content-length|short")
    with server.connect() as connection, pytest.raises(Truncated):
        connection.get("/sized?size=0&length=7")


def test_a_length_of_head_needs_no_body(server):
    with server.connect() as connection:
        response = connection.request("HEAD", "/sized?size=0&length=12345")
        assert response.header("Content-Length") == "12345"
        assert connection.get("/ok").body == b"ok"


def test_without_a_length_http_1_1_is_chunked_and_http_1_0_closes(server):
    with server.connect() as connection:
        assert connection.get("/sized?size=9&blocks=3").framing == "chunked"
        response = connection.request("GET", "/sized?size=9&blocks=3", version="HTTP/1.0")
        assert (response.framing, len(response.body)) == ("close", 9)
