"""Connections that live on: keep-alive, pipelining, and when a connection ends."""

import pytest

from harness.wait import until
from http_client import chunked, request


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("served_app")


def test_many_requests_on_one_connection(server):
    with server.connect() as connection:
        for number in range(100):
            assert connection.get(f"/{number}").body == f"/{number} 0".encode()


def test_pipelined_requests_are_answered_in_order(server):
    mixed = []
    for number in range(30):
        mixed += [
            request("GET", f"/{number}a"),
            request("POST", f"/{number}b", body=b"x" * number),
            request(
                "POST",
                f"/{number}c",
                {"Transfer-Encoding": "chunked"},
                chunked(b"x" * (number + 1)),
            ),
        ]
    with server.connect() as connection:
        connection.send(b"".join(mixed))
        for number in range(30):
            told = [connection.response().text for _ in "abc"]
            assert told == [f"/{number}a 0", f"/{number}b {number}", f"/{number}c {number + 1}"]


def test_pipelined_requests_cut_anywhere(server):
    data = request("GET", "/one") + request("POST", "/two", body=b"abc") + request("GET", "/three")
    for cut in range(1, len(data), 7):
        with server.connect() as connection:
            connection.send(data[:cut])
            connection.send(data[cut:])
            told = [connection.response().text for _ in range(3)]
            assert told == ["/one 0", "/two 3", "/three 0"]


def test_a_pipelined_burst_and_then_the_end_of_sending(server):
    """A client may end its side after the last request and still reads every answer."""
    with server.connect() as connection:
        connection.send(b"".join(request("GET", f"/{number}") for number in range(10)))
        connection.finish_sending()
        assert [connection.response().text for _ in range(10)] == [f"/{n} 0" for n in range(10)]
        connection.expect_closed()


def test_a_client_that_ends_its_side_gets_its_answer(server):
    with server.connect() as connection:
        connection.send(request("GET", "/wait/half-closed"))
        connection.finish_sending()
        until(lambda: "/wait/half-closed" in server.recorded("served"), "the request to run")
        server.release("half-closed")
        assert connection.response().body == b"/wait/half-closed 0"
        connection.expect_closed()


def test_head_in_a_pipeline(server):
    with server.connect() as connection:
        connection.send(request("HEAD", "/one") + request("GET", "/two"))
        assert connection.response("HEAD").body == b""
        assert connection.response().body == b"/two 0"


@pytest.mark.parametrize("option", ["close", "Close", "keep-alive, close", "x, close"])
def test_connection_close_is_the_last_request(server, option):
    with server.connect() as connection:
        connection.send(request("GET", "/last", {"Connection": option}) + request("GET", "/no"))
        response = connection.response()
        assert response.body == b"/last 0" and response.closes
        connection.expect_closed()
    assert "/no" not in server.recorded("served")


def test_http_1_0_keeps_the_connection_when_asked(server):
    with server.connect() as connection:
        for number in range(3):
            connection.send(
                request("GET", f"/{number}", {"Connection": "keep-alive"}, version="HTTP/1.0")
            )
            response = connection.response()
            assert response.framing == "length"
            assert response.header("Connection").lower() == "keep-alive"


def test_http_1_0_closes_when_not_asked(server):
    with server.connect() as connection:
        assert connection.request("GET", "/", version="HTTP/1.0").body == b"/ 0"
        connection.expect_closed()


def test_connections_that_wait_do_not_keep_others_out(server):
    waiting = [server.connect() for _ in range(60)]
    for connection in waiting[::2]:
        assert connection.get("/idle").status == 200
    assert server.get("/other").body == b"/other 0"
    for connection in waiting:
        assert connection.get("/still").body == b"/still 0"


def test_an_idle_connection_is_closed_silently(serve, gil_mode):
    server = serve("served_app", "--keep-alive", "300ms")
    with server.connect() as connection:
        assert connection.get("/").status == 200
        connection.expect_closed()


def test_keep_alive_of_zero_closes_after_each_response(serve):
    server = serve("served_app", "--keep-alive", "0")
    with server.connect() as connection:
        response = connection.get("/")
        assert response.body == b"/ 0" and response.closes
        connection.expect_closed()
