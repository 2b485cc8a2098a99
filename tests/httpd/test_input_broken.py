"""Request bodies that cannot be read: what follows them on the connection is no request (DD 7.10, 8.4)."""

import pytest

from harness import httpd_config as config
from http_client import Truncated, request
from inline_client import target

#: Goes on as if nothing had happened when its body cannot be read.
STUBBORN = """
    def answer():
        try:
            environ["wsgi.input"].read()
        except OSError:
            toolkit.record("noticed", "")
        yield b"wered"
    write = start_response("200 OK", [("Content-Length", "8")])
    if {early}:
        write(b"ans")
        return answer()
    return [b"ans" + b"".join(answer())]
"""

BEGUN = b"5\r\nhello"

#: What a client may send behind that, and what httpd says of it.
RUBBISH = {
    "no-size": (b"\r\nthis is no size\r\n", 400),
    "too-large-a-size": (b"\r\n" + b"f" * 40 + b"\r\n", 413),
    "no-end-of-a-chunk": (b" and more\r\n", 400),
}


@pytest.fixture(scope="module")
def server(httpd_module):
    return httpd_module(config.site() + "WSGIChunkedRequest On\nRequestReadTimeout header=0 body=0\nTimeout 2\n")


def broken(mode, early, body):
    return request("POST", target(mode, STUBBORN.format(early=early)), {"Transfer-Encoding": "chunked"}) + body


def smuggled(mode):
    return request("GET", target(mode, "toolkit.record('smuggled', '')\nreturn text(start_response, 'smuggled')"))


@pytest.fixture(autouse=True)
def nothing_smuggled(server):
    server.log.allow(r"WSGI0126: |WSGI0119: |AH\d+: ")
    yield
    assert server.recorded("smuggled") == []


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_ends_the_connection(server, mode, kind):
    rubbish, status = RUBBISH[kind]
    with server.connect() as connection:
        connection.send(broken(mode, False, BEGUN + rubbish) + smuggled(mode))
        response = connection.response("POST")
        assert response.status == status and response.closes
        connection.expect_closed()


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_ends_a_response_that_has_begun(server, mode, kind):
    rubbish, _ = RUBBISH[kind]
    with server.connect() as connection:
        connection.send(broken(mode, True, BEGUN))
        assert connection.response_head().status == 200
        connection.try_send(rubbish + smuggled(mode))
        assert b"HTTP/1" not in connection.rest()


def test_a_body_that_does_not_come_ends_the_connection(server, mode):
    """What comes late is a part of the body, whoever has given up on it."""
    with server.connect() as connection:
        connection.send(broken(mode, False, b"20\r\nhello"))
        response = connection.response("POST")
        # A daemon is handed whole bodies only: the application has no say.
        assert response.status == (408 if mode.daemon else 200) and response.closes
        connection.try_send(b"x" * 27 + b"\r\nrubbish\r\n" + smuggled(mode))
        connection.expect_closed()


def test_a_body_that_does_not_come_ends_a_connection_whose_response_has_begun(server, mode):
    with server.connect() as connection:
        connection.send(broken(mode, True, b"20\r\nhello"))
        head = connection.response_head()
        try:
            body = b"".join(connection.blocks(head))
        except Truncated as error:
            body = error.partial
        assert body in (b"ans", b"answered")
        connection.try_send(b"x" * 27 + b"\r\nrubbish\r\n" + smuggled(mode))
        connection.expect_closed()
