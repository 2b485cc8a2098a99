"""The first thing anybody sees: an application answers."""

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("hello")


def test_answers(server):
    response = server.get("/")
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello\n")
    assert response.header("Content-Type") == "text/plain"
    assert response.header("Content-Length") == "6"


def test_adds_date_and_server(server):
    response = server.get("/")
    date = response.header("Date")
    assert date.endswith(" GMT") and parsedate_to_datetime(date).utcoffset() is not None
    assert response.header("Server").startswith("rickhouse")


def test_head_has_the_head_of_get_and_no_body(server):
    with server.connect() as connection:
        got, head = connection.request("GET", "/"), connection.request("HEAD", "/")
        assert (head.status, head.body) == (200, b"")
        assert head.header("Content-Length") == got.header("Content-Length")
        assert connection.get("/").body == b"hello\n", "HEAD sent a body after all"


def test_http_1_0_is_answered_and_closed(server):
    with server.connect() as connection:
        response = connection.request("GET", "/", version="HTTP/1.0", host=None)
        assert (response.status, response.body) == (200, b"hello\n")
        assert not response.headers("Transfer-Encoding")
        connection.expect_closed()


def test_many_clients_at_once(server):
    def client(_):
        with server.connect() as connection:
            return [connection.get("/").body for _ in range(20)]

    with ThreadPoolExecutor(16) as pool:
        for bodies in pool.map(client, range(16)):
            assert bodies == [b"hello\n"] * 20


def test_a_burst_of_connections_leaves_no_descriptor(server):
    for _ in range(4):
        server.get("/")
        server.settle_descriptors()
    connections = [server.connect() for _ in range(200)]
    for connection in connections[::2]:
        assert connection.get("/").status == 200
    for connection in connections:
        connection.close()
    server.settle_descriptors()
