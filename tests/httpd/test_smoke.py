"""The first thing anybody sees: an application answers, under every MPM, wherever it runs."""

import pytest

from harness import httpd_config as config


@pytest.fixture(scope="module", params=["event", "worker", "prefork"])
def server(request, httpd_module):
    return httpd_module(config.site(), mpm=request.param)


def test_answers(server, deployment):
    response = server.get(f"/{deployment}/hello.py")
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello\n")
    assert response.header("Content-Type") == "text/plain"
    assert response.header("Content-Length") == "6"


def test_head_has_the_head_of_get_and_no_body(server, deployment):
    with server.connect() as connection:
        head = connection.request("HEAD", f"/{deployment}/hello.py")
        assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "6")
        assert connection.get(f"/{deployment}/hello.py").body == b"hello\n", "HEAD sent a body after all"
