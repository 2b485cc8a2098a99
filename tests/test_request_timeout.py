"""`--request-timeout`: a request is interrupted in place, answered 504, and its thread lives on;
what cannot be interrupted gets its worker replaced, after the other requests finished."""

import json
import os

import pytest

from harness import command
from harness.wait import until
from http_client import Closed, Truncated, request

#: The worker is to be replaced.
GIVEN_UP = r"(?i)stuck|replaced"
INTERRUPTED = r"(?i)timeout|interrupt|timed out"


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("timeout_app", "--request-timeout", "300ms", "--interrupt-timeout", "20s")


@pytest.fixture(autouse=True)
def explained(server):
    """Every one of these tests makes the log explain an interruption."""
    server.log.allow(INTERRUPTED)
    server.log.allow(r'Traceback|request="GET /')  # The lines of the stack name the request.


def identities(server):
    """(pid, thread) of whoever answers a few requests."""
    return {tuple(json.loads(server.get("/").text)) for _ in range(20)}


@pytest.mark.parametrize("route", ["loop", "deep", "stubborn", "bare", "started", "iterating"])
def test_python_code_is_interrupted_and_answered_504(server, route):
    pids = server.workers()
    response = server.get(f"/{route}")
    assert (response.status, response.headers("X-Pending")) == (504, [])
    assert b"Traceback" not in response.body and b"timeout_app" not in response.body
    assert server.workers() == pids


def test_the_same_thread_lives_on(server, gil_mode):
    """One thread for each interpreter: were one lost, or replaced, it would show."""
    server.get("/loop")
    pid, thread = map(int, server.recorded("thread")[-1].split())
    assert os.path.exists(f"/proc/{pid}/task/{thread}")
    until(lambda: (pid, thread) in identities(server), "the interrupted thread to serve again")


def test_the_connection_lives_on_or_says_that_it_closes(server):
    with server.connect() as connection:
        response = connection.get("/loop")
        assert response.status == 504
        if response.closes:
            connection.expect_closed()
        else:
            assert connection.get("/").status == 200


def test_the_log_explains_where_the_request_was(server):
    start = server.log.mark()
    server.get("/deep?secret=1")
    server.log.wait_for("spin_here", since=start)
    text = server.log.since(start)
    assert "timeout_app.py" in text and "/deep" in text


def test_after_the_head_the_client_sees_the_truncation(server):
    before = len(server.recorded("closed"))
    with server.connect() as connection, pytest.raises(Truncated) as caught:
        connection.get("/truncated")
    assert caught.value.partial == b"partial"
    until(lambda: len(server.recorded("closed")) == before + 1, "close()")


def test_the_interruption_is_no_exception_that_applications_catch(server):
    kinds = json.loads(server.get("/caught").text)
    assert kinds[0] == "RequestTimeout"
    assert "BaseException" in kinds and "Exception" not in kinds


def test_a_sleep_is_interrupted_when_it_returns(server):
    response = server.get("/sleep?seconds=3")
    assert response.status == 504


def test_an_interruption_never_hits_the_next_request(server, gil_mode):
    """Requests that end just about when they would be interrupted: each is one or the other, and
    whatever comes late is not seen by the request after it."""
    for step in range(30):
        with server.connect() as connection:
            response = connection.get(f"/nearly?seconds={0.27 + step * 0.002:g}")
            assert response.status in (200, 504)
        for _ in range(gil_mode.interpreters):
            assert server.get("/").status == 200


def test_a_client_s_slow_upload_is_not_the_application_s_time(serve, gil_mode):
    """A small body is read before the application is called: its time does not count."""
    server = serve("timeout_app", "--request-timeout", "300ms", "--body-timeout", "10s")
    with server.connect() as connection:
        connection.send(request("POST", "/read", {"Content-Length": "10"}) + b"x")
        assert connection.silent(0.6)
        connection.send(b"x" * 9)
        assert connection.response().body == b"10"


def test_without_the_option_nothing_is_interrupted(serve):
    server = serve("timeout_app")
    assert server.get("/sleep?seconds=3").body == b"slept"


# What cannot be interrupted


def replacing(serve, *options):
    server = serve("timeout_app", "--graceful-timeout", "4s", *options)
    server.log.allow(".")
    return server


def test_a_sleep_that_does_not_return_gets_the_worker_replaced(serve, gil_mode):
    server = replacing(serve, "--request-timeout", "300ms", "--interrupt-timeout", "700ms")
    old = server.workers()
    with server.connect() as connection:
        connection.send(request("GET", "/sleep?seconds=3600"))
        until(lambda: not set(old) & set(server.workers()), "the worker to be replaced", 40)
        try:
            assert connection.response().status in (502, 503, 504)
        except (Closed, Truncated):
            pass
    until(lambda: serves(server), "the new worker to serve")
    assert server.log.search("sleep")


def test_native_code_that_holds_the_gil_gets_the_worker_replaced(serve, gil_mode):
    server = replacing(serve, "--request-timeout", "300ms", "--interrupt-timeout", "700ms")
    old = server.workers()
    with server.connect() as connection:
        connection.send(request("GET", "/native"))
        until(lambda: not set(old) & set(server.workers()), "the worker to be replaced", 40)
    until(lambda: serves(server), "the new worker to serve")
    if command.facts().version >= (3, 13):
        assert server.log.search(r'^    +File "\S+timeout_app.py", line \d+, in native$')
    else:
        assert server.log.search("the stacks cannot be read")


def test_the_other_requests_of_the_worker_finish_first(serve, gil_mode):
    """The one that waits is well within its own time when the other is given up."""
    server = replacing(
        serve, "--threads", "2", "--request-timeout", "2s", "--interrupt-timeout", "500ms"
    )
    old = server.workers()
    stuck = server.connect(timeout=60)
    stuck.send(request("GET", "/sleep?seconds=3600"))
    start = server.log.mark()
    server.log.wait_for(INTERRUPTED, since=start)
    with server.connect() as other:
        other.send(request("GET", "/wait?gate=gate"))
        until(lambda: server.recorded("waiting"), "the other request to run")
        # It is still running when the worker is given up, and may take its own time after that.
        server.log.wait_for(GIVEN_UP, since=start)
        server.release("gate")
        response = other.response()
        assert response.status == 200
    until(lambda: not set(old) & set(server.workers()), "the worker to be replaced", 40)
    until(lambda: serves(server), "the new worker to serve")


def serves(server):
    try:
        return server.get("/").status == 200
    except (OSError, Closed, Truncated):
        return False
