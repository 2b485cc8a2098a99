"""Overload: a bounded queue, 503 with Retry-After beyond it, and health answered all the same."""

import pytest

from harness.wait import until
from http_client import request


def busy(server, count):
    """Connections with a request each that runs until `gate` is released."""
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.send(request("GET", "/wait/gate"))
    until(lambda: len(server.recorded("served")) >= count, "every Python thread to be busy")
    return connections


@pytest.fixture
def server(serve, gil_mode):
    return serve(
        "served_app", "--queue-limit", "2", "--health-path", "/healthz", "--ready-path", "/readyz"
    )


def test_beyond_the_queue_requests_are_refused(server, gil_mode):
    server.log.allow("(?i)queue|503|shed|overload")
    running = busy(server, gil_mode.interpreters)
    # One after the other until one is refused: how many wait before that is the queue.
    waiting = []
    for _ in range(10):
        connection = server.connect()
        connection.send(request("GET", "/queued"))
        if connection.silent():
            waiting.append(connection)
            continue
        response = connection.response()
        break
    else:
        pytest.fail("ten requests are waiting in a queue of two")
    assert len(waiting) == 2
    assert response.status == 503
    assert int(response.header("Retry-After")) > 0
    server.release("gate")
    for connection in running:
        assert connection.response().body == b"/wait/gate 0"
    for connection in waiting:
        assert connection.response().body == b"/queued 0"


def test_health_is_answered_while_every_thread_is_busy(server, gil_mode):
    running = busy(server, gil_mode.interpreters)
    for _ in range(5):
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").status == 200
    server.release("gate")
    for connection in running:
        assert connection.response().status == 200


def test_a_request_that_waits_too_long_is_refused(serve, gil_mode):
    server = serve("served_app", "--queue-timeout", "300ms")
    server.log.allow("(?i)queue|503|shed|overload")
    running = busy(server, gil_mode.interpreters)
    with server.connect() as connection:
        connection.send(request("GET", "/late"))
        response = connection.response()
        assert response.status == 503 and int(response.header("Retry-After")) > 0
    server.release("gate")
    for connection in running:
        assert connection.response().status == 200
    assert "/late" not in server.recorded("served")


def test_a_queued_client_that_left_is_not_served(server, gil_mode):
    running = busy(server, gil_mode.interpreters)
    with server.connect() as connection:
        connection.send(request("GET", "/gone"))
        assert connection.silent()
        connection.reset()
    server.release("gate")
    for connection in running:
        assert connection.response().status == 200
    assert server.get("/next").body == b"/next 0"


def test_the_idle_interpreter_takes_the_next_request(serve, gil_mode):
    """Whoever is free takes it: no request waits for a busy one while another could run it."""
    server = serve("served_app", "--threads", "2")
    running = busy(server, 2 * gil_mode.interpreters - 1)
    for number in range(10):
        assert server.get(f"/{number}").body == f"/{number} 0".encode()
    server.release("gate")
    for connection in running:
        assert connection.response().status == 200
