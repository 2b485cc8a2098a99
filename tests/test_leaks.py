"""Memory returns to where it was after any burst of requests of one kind."""

from pathlib import Path

import pytest

from http_client import chunked, request

#: Growth of three rounds together that is still no leak: allocators keep some for later.
SLACK = 2 << 20
ROUND = 1500


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("body_app")


def memory(server):
    """Resident bytes of the workers."""
    total = 0
    for pid in server.workers():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


def burst(server, make, count=ROUND, pipeline=25):
    """Sends `count` requests, `pipeline` at a time, a hundred on each connection."""
    number = 0
    while number < count:
        with server.connect() as connection:
            for _ in range(100 // pipeline):
                connection.send(b"".join(make(number + each) for each in range(pipeline)))
                for _ in range(pipeline):
                    connection.response()
                number += pipeline


def settle(one_round, server):
    """Runs rounds until one of them does not grow; fails when each of eight does."""
    before, growth = memory(server), []
    for _ in range(8):
        one_round()
        after = memory(server)
        growth.append(after - before)
        if growth[-1] < SLACK / 16:
            return
        before = after
    assert sum(growth[-3:]) < SLACK, f"grows with every round, by {growth}"


KINDS = {
    "plain": lambda n: request("GET", "/ok"),
    "different": lambda n: request("GET", f"/ok?{n}", {f"X-Name-{n}": f"value {n}"}),
    "generator": lambda n: request("GET", "/kinds?kind=generator"),
    "closed": lambda n: request("GET", "/sized?size=900&blocks=3&length=900"),
    "uploads": lambda n: request("POST", "/ok", body=b"x" * 20_000),
    "chunked": lambda n: request(
        "POST", "/ok", {"Transfer-Encoding": "chunked"}, chunked(b"x" * 999)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_requests_leave_no_memory(server, kind):
    settle(lambda: burst(server, KINDS[kind]), server)


def test_errors_leave_no_memory(server):
    server.log.allow(".")

    def make(number):
        return request("GET", f"/raise?where={('call', 'started', 'iter', 'first')[number % 4]}")

    def one_round():
        for number in range(200):
            with server.connect() as connection:
                connection.send(make(number))
                assert connection.response().status == 500

    settle(one_round, server)


def test_clients_that_leave_leave_no_memory(server):
    def one_round():
        for _ in range(100):
            with server.connect() as connection:
                connection.send(request("GET", "/endless"))
                connection.response_head()
                connection.reset()
        assert server.get("/ok").body == b"ok"

    settle(one_round, server)
