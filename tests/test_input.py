"""`wsgi.input`: the file-like object of PEP 3333, chunked requests, errors of the body as
exceptions, and 100-continue only for an application that reads."""

import hashlib
import io
import itertools
import json
import random
from urllib.parse import quote

import pytest

from harness.wait import until
from http_client import Closed, Truncated, chunked, request
from input_app import perform

#: Larger than `--request-buffer`: such a body is read while the application runs.
LARGE = 1 << 20
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("input_app")


@pytest.fixture
def name():
    return f"name{next(_numbers)}"


def post(connection, target, body, coding):
    """Sends a body with its length, or chunked in uneven pieces."""
    if coding == "length":
        return connection.post(target, body)
    cuts = [body[at : at + 7001] for at in range(0, len(body), 7001)]
    return connection.request("POST", target, {"Transfer-Encoding": "chunked"}, chunked(*cuts))


@pytest.fixture(params=["length", "chunked"])
def coding(request):
    return request.param


BODY = b"first line\nsecond\n\nfourth, longer than the others\r\nlast without end"
SCRIPTS = [
    [["read"], ["read"]],
    [["read", -1], ["read", 5]],
    [["read", 3], ["read", 3], ["read", 1000], ["read", 1]],
    [["readline"], ["readline"], ["readline"], ["read"], ["readline"]],
    [["readline", 4], ["readline", 100], ["readline", -1], ["readline", 0], ["readline"]],
    [["readlines"], ["readlines"]],
    [["readlines", 12], ["readlines", 1], ["readlines", -1]],
    [["readlines", 0]],
    [["iterate"], ["iterate"]],
    [["next"], ["read", 2], ["next"], ["readline", 3], ["iterate"]],
    [["read", 0], ["read", 1], ["read", 0], ["read"]],
]


@pytest.mark.parametrize("operations", SCRIPTS, ids=lambda ops: "-".join(op[0] for op in ops))
def test_the_methods_do_what_a_file_does(server, coding, operations):
    with server.connect() as connection:
        response = post(connection, "/script?ops=" + quote(json.dumps(operations)), BODY, coding)
    assert json.loads(response.text) == perform(io.BytesIO(BODY), operations)


@pytest.mark.parametrize("seed", range(12))
def test_random_reads_of_random_bodies_do_what_a_file_does(server, coding, seed):
    chance = random.Random(seed)
    size = chance.choice([0, 1, 100, 8191, 8192, 8193, 50_000, 400_000])
    body = bytes(chance.choice(b"ab\n") if chance.random() < 0.01 else 120 for _ in range(size))
    operations = [
        [chance.choice(["read", "readline", "readlines"]), chance.choice([0, 1, 10, 8192, 9000])]
        for _ in range(8)
    ]
    # readlines(0) reads everything, which would leave nothing for the others.
    operations = [op for op in operations if op != ["readlines", 0]] + [["iterate"]]
    with server.connect() as connection:
        response = post(connection, "/script?ops=" + quote(json.dumps(operations)), body, coding)
    assert json.loads(response.text) == perform(io.BytesIO(body), operations)


def test_a_request_without_body_reads_as_empty(server):
    operations = quote(json.dumps([["read"], ["readline"], ["readlines"], ["iterate"]]))
    assert json.loads(server.get(f"/script?ops={operations}").text) == ["", "", [], []]


def test_arguments_and_the_end(server, coding):
    with server.connect() as connection:
        said = json.loads(post(connection, "/refused", b"abc", coding).text)
    assert said == {
        "read(None)": "TypeError",
        "read('1')": "TypeError",
        "readline(None)": "TypeError",
        "read(0)": ["returned", ""],
        "readline(0)": ["returned", ""],
        "close()": ["returned", None],
        "read()": ["returned", "abc"],
        "again": ["returned", ""],
        "readline at the end": ["returned", ""],
        "readlines at the end": ["returned", []],
    }


@pytest.mark.parametrize("size", [262_143, 262_144, 262_145, LARGE, 20 << 20])
def test_uploads_arrive_whole(server, coding, size):
    body = random.Random(size).randbytes(size)
    with server.connect(timeout=60) as connection:
        told = json.loads(post(connection, "/digest", body, coding).text)
    assert told == [size, hashlib.sha256(body).hexdigest()]


def test_an_upload_under_the_eyes_of_the_validator(serve_module, server, coding):
    strict = serve_module("input_app:validated")
    with strict.connect() as connection:
        assert json.loads(post(connection, "/digest", b"x" * 300_000, coding).text)[0] == 300_000


def test_the_next_request_begins_where_the_body_ends(server, coding):
    with server.connect() as connection:
        for size in (0, 1, 300_000, 3):
            assert json.loads(post(connection, "/digest", b"x" * size, coding).text)[0] == size


def test_a_body_in_single_bytes(server):
    with server.connect() as connection:
        for byte in request("POST", "/digest", {"Transfer-Encoding": "chunked"}, chunked(b"abc")):
            connection.send(bytes([byte]))
        assert json.loads(connection.response().text)[0] == 3


def test_chunk_extensions_are_ignored_and_large_ones_refused(server):
    with server.connect() as connection:
        body = b'3;name="a;b";x\r\nabc\r\n0;last\r\n\r\n'
        response = connection.request("POST", "/digest", {"Transfer-Encoding": "chunked"}, body)
        assert json.loads(response.text)[0] == 3
    with server.connect() as connection:
        body = b"3;" + b"x" * (1 << 20) + b"\r\nabc\r\n0\r\n\r\n"
        connection.try_send(request("POST", "/digest", {"Transfer-Encoding": "chunked"}, body))
        answer = connection.rest()
    assert b"200 OK" not in answer


def test_lines_are_answered_while_the_body_still_comes(server):
    with server.connect() as connection:
        head = request("POST", "/echo-lines", {"Transfer-Encoding": "chunked"})
        # More than the request buffer first, so that the application is called.
        first = b"x" * 300_000 + b"\n"
        connection.send(head + b"%x\r\n%b\r\n" % (len(first), first))
        answer = connection.response_head()
        blocks = connection.blocks(answer)
        assert next(blocks).startswith(b"seen xxx")
        connection.send(chunked(b"two\n"))
        assert b"".join(blocks).endswith(b"seen two\n")


# Broken bodies


@pytest.mark.parametrize("hang_up", ["close", "reset", "finish_sending"])
def test_a_client_that_leaves_in_a_large_body_is_an_oserror(server, name, coding, hang_up):
    server.log.allow_traceback("OSError")
    headers = {"Content-Length": str(LARGE)}
    body = b"x" * (LARGE // 2)
    if coding == "chunked":
        headers = {"Transfer-Encoding": "chunked"}
        body = b"%x\r\n%b" % (LARGE, body)
    with server.connect() as connection:
        connection.send(request("POST", f"/watched?record={name}", headers) + body)
        until(lambda: server.recorded(name), "the application to be called")
        getattr(connection, hang_up)()
        until(lambda: len(server.recorded(name)) == 3, "the error in the application")
        assert server.recorded(name) == ["called", "OSError", "OSError again"]
        if hang_up == "finish_sending":
            assert b" 200 " not in connection.rest()


def test_a_client_that_leaves_in_a_small_body_is_never_a_complete_one(server, name):
    server.log.allow_traceback("OSError")
    with server.connect() as connection:
        head = request("POST", f"/watched?record={name}", {"Content-Length": "1000"})
        connection.send(head + b"x" * 10)
        connection.finish_sending()
        assert b" 200 " not in connection.rest()
    assert not [line for line in server.recorded(name) if line.startswith("complete")]


def test_a_broken_chunk_in_a_large_body_is_an_oserror_and_closes(server, name):
    server.log.allow_traceback("OSError")
    with server.connect() as connection:
        head = request("POST", f"/watched?record={name}", {"Transfer-Encoding": "chunked"})
        body = b"80000\r\n" + b"x" * 0x80000 + b"\r\nzz\r\n"
        connection.try_send(head + body + request("GET", "/smuggled"))
        answer = connection.rest()
    assert b" 200 " not in answer and answer.count(b"HTTP/1.1 ") <= 1
    assert server.recorded(name)[:2] in ([], ["called", "OSError"])
    assert "/smuggled" not in server.recorded("served")


@pytest.mark.parametrize("size", [100, 300_000, 3 << 20])
@pytest.mark.parametrize("count", [0, 10])
def test_an_unread_body_is_never_the_next_request(server, coding, size, count):
    inner = request("GET", "/smuggled")
    body = inner * (size // len(inner) + 1)
    with server.connect() as connection:
        headers = {"Content-Length": str(len(body))}
        sent = body
        if coding == "chunked":
            headers, sent = {"Transfer-Encoding": "chunked"}, chunked(body)
        connection.try_send(request("POST", f"/partly?count={count}", headers) + sent)
        response = connection.response()
        assert (response.status, response.body) == (200, b"partly")
        if connection.try_send(request("GET", "/partly")):
            try:
                assert connection.response().body == b"partly"
            except (Closed, Truncated):
                pass
    assert "/smuggled" not in server.recorded("served")


# 100-continue

EXPECTS = {"Expect": "100-continue", "Content-Length": "3"}


def test_100_continue_is_sent_when_the_application_reads(server, name):
    with server.connect() as connection:
        connection.send(request("POST", f"/reads-late?gate={name}", EXPECTS))
        assert connection.silent(), "100 Continue before anybody reads"
        server.release(name)
        assert connection.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(b"abc")
        assert connection.response().body == b"3"
        assert connection.get("/partly").body == b"partly"


def test_100_continue_is_not_sent_when_the_application_does_not_read(server):
    with server.connect() as connection:
        connection.send(request("POST", "/partly", EXPECTS))
        response = connection.response()
        assert (response.interim, response.body) == ([], b"partly")
        # The body may still come or not: nobody can tell what the next bytes are.
        assert response.closes
        connection.expect_closed()


def test_no_100_continue_when_the_body_came_unasked(server):
    with server.connect() as connection:
        connection.send(request("POST", "/digest", EXPECTS) + b"abc")
        response = connection.response()
        assert json.loads(response.text)[0] == 3


def test_an_expectation_of_http_1_0_is_ignored(server):
    with server.connect() as connection:
        connection.send(request("POST", "/digest", EXPECTS, version="HTTP/1.0") + b"abc")
        response = connection.response()
        assert (response.interim, json.loads(response.text)[0]) == ([], 3)
