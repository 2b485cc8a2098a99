"""Time limits for clients, by phase. None of them costs a Python thread while it waits."""

import threading
import time

import pytest

from harness.wait import until
from http_client import request

SHORT = ("--header-timeout", "500ms", "--body-timeout", "500ms", "--write-timeout", "500ms")


@pytest.fixture
def server(serve, gil_mode):
    return serve("served_app", *SHORT)


def test_a_slow_head_is_a_408(server):
    with server.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert connection.response().status == 408
        connection.expect_closed()


def test_a_head_that_drips_is_not_given_more_time(server):
    with server.connect() as connection:
        stop = threading.Event()

        def drip():
            while not stop.wait(0.1) and connection.try_send(b"X-A: b\r\n"):
                pass

        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        sender = threading.Thread(target=drip)
        sender.start()
        try:
            begun = time.monotonic()
            answer = connection.rest()
            assert time.monotonic() - begun < 10
        finally:
            stop.set()
            sender.join()
    assert answer.startswith(b"HTTP/1.1 408 ") or answer == b""


def test_the_second_head_of_a_connection_is_timed_too(server):
    with server.connect() as connection:
        assert connection.get("/").status == 200
        connection.send(b"GET /second HT")
        assert connection.response().status == 408
        connection.expect_closed()


def test_a_connection_that_never_speaks_is_closed(server):
    with server.connect() as connection:
        assert connection.rest()[:12] in (b"", b"HTTP/1.1 408")


def test_a_slow_small_body_is_a_408_and_no_request(server):
    server.log.allow_traceback("OSError")
    with server.connect() as connection:
        connection.send(request("POST", "/slow", {"Content-Length": "100"}) + b"x")
        assert connection.response().status == 408
        connection.expect_closed()
    assert "/slow" not in server.recorded("served")


def test_a_slow_large_body_is_an_error_and_frees_the_thread(server):
    server.log.allow_traceback("OSError")
    with server.connect() as connection:
        head = request("POST", "/slow", {"Content-Length": "9000000"})
        connection.send(head + b"x" * 1_000_000)
        assert b" 200 " not in connection.rest()
    for _ in range(4):
        assert server.get("/next").body == b"/next 0"


def test_half_sent_requests_do_not_keep_good_clients_out(serve, gil_mode):
    server = serve("served_app")
    heads = [server.connect() for _ in range(20)]
    for connection in heads:
        connection.send(b"GET / HTTP/1.1\r\nHost:")
    bodies = [server.connect() for _ in range(20)]
    for connection in bodies:
        connection.send(request("POST", "/", {"Content-Length": "100"}) + b"x")
    for number in range(10):
        assert server.get(f"/{number}").body == f"/{number} 0".encode()
    for connection in bodies:
        connection.send(b"x" * 99)
        assert connection.response().body == b"/ 100"
    for connection in heads:
        connection.send(b" a\r\n\r\n")
        assert connection.response().body == b"/ 0"


@pytest.mark.parametrize("route", ["endless", "endless-write"])
def test_a_client_that_does_not_read_loses_the_connection(serve, gil_mode, route):
    server = serve("body_app", *SHORT)
    with server.connect() as connection:
        connection.send(request("GET", f"/{route}?record=closed"))
        connection.response_head()
        # Not one byte of the body is read, until the server gives up.
        until(lambda: server.recorded("closed"), "close()")
        for _ in range(4):
            assert server.get("/ok").body == b"ok"


def test_a_finished_response_to_a_client_that_does_not_read_costs_no_thread(serve, gil_mode):
    """Small enough for the buffers of server and kernel: no thread waits for these clients."""
    server = serve("body_app")
    idle = [server.connect() for _ in range(10)]
    for connection in idle:
        connection.send(request("GET", "/sized?size=60000&length=60000"))
    assert server.get("/ok").body == b"ok"
    for connection in idle:
        assert len(connection.response().body) == 60000


def test_more_connections_than_allowed_wait_or_are_refused(serve, gil_mode):
    server = serve("served_app", "--max-connections", "4")
    first = [server.connect() for _ in range(4)]
    for connection in first:
        assert connection.get("/").status == 200
    with server.connect() as extra:
        assert extra.silent() or extra.response().status == 503
    for connection in first:
        connection.close()
    until(lambda: server.get("/").status == 200, "a place to be free")


def test_limits_can_be_set(serve):
    server = serve(
        "served_app", "--limit-request-line", "100", "--limit-request-fields", "3",
        "--limit-request-field-size", "50", "--limit-request-body", "10",
    )  # fmt: skip
    with server.connect() as connection:
        assert connection.get("/" + "a" * 100).status == 414
    with server.connect() as connection:
        assert connection.get("/", A="1", B="2", C="3", D="4").status == 431
    with server.connect() as connection:
        assert connection.get("/", A="x" * 60).status == 431
    assert server.post("/", b"x" * 11).status == 413
    assert server.post("/", b"x" * 10).body == b"/ 10"
