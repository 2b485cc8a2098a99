"""Application errors: 500 before the head, a visible truncation after it, the traceback in the
log only, and a thread that serves the next request."""

import pytest

from http_client import Closed, Truncated, request


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("body_app")


@pytest.fixture(autouse=True)
def serves_afterwards(server):
    yield
    for _ in range(4):
        assert server.get("/ok").body == b"ok"


@pytest.mark.parametrize("where", ["call", "started", "iter", "first"])
def test_before_the_head_it_is_a_500(server, where):
    server.log.expect_traceback(f"Failing: in {where}")
    response = server.get(f"/raise?where={where}")
    assert response.status == 500
    for secret in (b"Traceback", b"Failing", b"body_app", b"raise_in"):
        assert secret not in response.body


def test_the_log_has_the_frames_of_the_application(server):
    server.log.expect_traceback("Failing: in call")
    start = server.log.mark()
    server.get("/raise?where=call")
    server.log.wait_for("Failing: in call", since=start)
    text = server.log.since(start)
    assert text.count("Traceback (most recent call last)") == 1
    assert "body_app.py" in text and "in raise_in" in text


@pytest.mark.parametrize("where", ["second", "written"])
def test_after_the_head_the_client_sees_the_truncation(server, where):
    server.log.expect_traceback(f"Failing: in {where}")
    with server.connect() as connection, pytest.raises(Truncated) as caught:
        connection.get(f"/raise?where={where}")
    assert caught.value.partial == b"partial"


@pytest.mark.parametrize("where", ["second", "written"])
def test_after_the_head_with_a_length(server, where):
    server.log.expect_traceback(f"Failing: in {where}")
    server.log.allow(r"(?i)content-length|short")
    with server.connect() as connection, pytest.raises(Truncated) as caught:
        connection.get(f"/raise?where={where}&length=100")
    assert caught.value.partial == b"partial"


def test_a_pipelined_request_is_not_answered_after_a_truncation(server):
    server.log.expect_traceback("Failing: in second")
    with server.connect() as connection:
        connection.send(request("GET", "/raise?where=second") + request("GET", "/ok"))
        with pytest.raises(Truncated):
            connection.response()
        with pytest.raises(Closed):
            connection.response()


def test_an_error_in_close_is_logged_and_spares_the_response(server):
    server.log.expect_traceback("Failing: in close")
    response = server.get("/raise?where=close")
    assert (response.status, response.body) == (200, b"partial")


def test_an_error_in_looking_close_up_is_logged(server):
    server.log.expect_traceback("Failing: no close for you")
    assert server.get("/close-property").body == b"body"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("system-exit", "SystemExit"),
        ("keyboard-interrupt", "KeyboardInterrupt"),
        ("generator-exit", "GeneratorExit"),
        ("stop-iteration", "StopIteration"),
        ("hostile", "Hostile"),
        ("surrogate", "Failing: "),
        ("recursion", "RecursionError"),
        ("memory", "MemoryError"),
        ("chained", "Failing: the effect"),
        ("huge", "Failing: xxx"),
    ],
)
def test_every_kind_of_exception(server, kind, said):
    server.log.expect_traceback(said)
    server.log.allow("Failing: the cause|RecursionError|Hostile")
    assert server.get(f"/raise-kind?kind={kind}").status == 500


def test_the_text_of_an_exception_cannot_forge_a_log_record(server):
    server.log.expect_traceback("Failing: one")
    server.log.allow("forged line")
    start = server.log.mark()
    assert server.get("/raise-kind?kind=newlines").status == 500
    server.log.wait_for("Failing: one", since=start)
    text = server.log.since(start)
    assert "\x1b" not in text and "\0" not in text


def test_system_exit_does_not_stop_the_server(server):
    server.log.expect_traceback("SystemExit")
    pids = server.workers()
    assert server.get("/raise-kind?kind=system-exit").status == 500
    assert server.get("/ok").body == b"ok"
    assert server.workers() == pids
