"""Liveness and readiness, answered without Python."""

import pytest

from harness import messages
from harness.wait import until
from http_client import Closed, Connection


@pytest.fixture
def server(serve, gil_mode):
    return serve("served_app", "--health-path", "/healthz", "--ready-path", "/readyz")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz?probe=1"])
def test_a_path_is_answered_and_the_application_not_called(server, path):
    with server.connect() as connection:
        for method in ("GET", "HEAD", "GET"):
            assert connection.request(method, path).status == 200
    assert server.recorded("served") == []


def test_other_paths_are_the_application_s(server):
    assert server.get("/healthz/more").body == b"/healthz/more 0"


def test_without_the_options_the_paths_are_the_application_s(serve):
    assert serve("served_app").get("/healthz").body == b"/healthz 0"


def health_connection(server):
    said = server.log.search(messages.HEALTH)
    assert said, "port 0 was asked for, and nothing says which one it became"
    return Connection((said[1].strip("[]"), int(said[2])))


def test_a_second_port(serve):
    server = serve("served_app", "--health-bind", "127.0.0.1:0")
    with health_connection(server) as connection:
        assert connection.get("/healthz").status == 200
        assert connection.get("/readyz").status == 200
        assert connection.get("/anything").status == 404
    assert server.get("/healthz").body == b"/healthz 0"
    assert server.recorded("served") == ["/healthz"]


def test_readiness_ends_when_a_stop_begins(serve, gil_mode):
    server = serve("served_app", "--health-bind", "127.0.0.1:0", "--ready-path", "/readyz")
    with server.connect() as busy:
        busy.send(b"GET /wait/gate HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: server.recorded("served"), "the request to run")
        server.signal(15)

        def status():
            try:
                with health_connection(server) as connection:
                    return connection.get("/readyz").status
            except (OSError, Closed):
                return "refused"

        until(lambda: status() in (503, "refused"), "readiness to end")
        server.release("gate")
        assert busy.response().status == 200
    assert server.wait_exit() == 0
