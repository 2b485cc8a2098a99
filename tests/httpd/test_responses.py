"""What becomes of an application's response (DD 7.5 to 7.8, 8.5; rows 1 to 23)."""

import pytest

from harness import httpd_config as config
from http_client import Truncated, request
from inline_client import run, target

in_daemons = pytest.mark.only("daemon")


def answer(headers="[]", body="return [b'x']", status="200 OK"):
    return f"start_response({status!r}, {headers})\n{body}"


@pytest.mark.differs("row 1: a chunked body")
def test_row_01_a_list_of_one_block_has_a_length(site, deployment):
    response = run(site, deployment, answer())
    assert (response.body, response.header("Content-Length")) == (b"x", "1")


@pytest.mark.differs("row 2: a chunked body of nothing in a daemon")
@in_daemons
def test_row_02_an_empty_list_has_the_length_zero(site, deployment):
    response = run(site, deployment, answer(body="return []"))
    assert (response.status, response.body, response.header("Content-Length")) == (200, b"", "0")


@pytest.mark.parametrize("body", ["return []", "return ()", "return iter(())", "return [b'', b'']", "yield from ()"])
def test_nothing_is_an_empty_body(site, deployment, body):
    response = run(site, deployment, answer(body=body))
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize(
    "body", ["return [b'a', b'b']", "return (b'a', b'b')", "yield b'a'\nyield b'b'", "return {b'ab': 1}",
             "return map(bytes, [b'a', b'', b'b'])"],
)  # fmt: skip
def test_anything_to_iterate_over(site, deployment, body):
    assert run(site, deployment, answer(body=body)).body == b"ab"


def test_row_05_start_response_after_an_empty_block(site, deployment):
    response = run(site, deployment, "yield b''\nstart_response('201 Created', [])\nyield b'x'")
    assert (response.status, response.body) == (201, b"x")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("b'abc'", "response iterable must yield bytes, not int"),
        ("'abc'", "response iterable must yield bytes, not str"),
        ("[None]", "response iterable must yield bytes, not NoneType"),
        ("[bytearray(b'x')]", "response iterable must yield bytes, not bytearray"),
    ],
)
def test_row_06_items_are_bytes(site, deployment, value, words):
    site.log.expect_exception(f"TypeError: {words}")
    assert run(site, deployment, answer(body=f"return {value}")).status == 500


@pytest.mark.parametrize("value", ["None", "1"])
def test_what_cannot_be_iterated_over(site, deployment, value):
    site.log.expect_exception("TypeError: ")
    assert run(site, deployment, answer(body=f"return {value}")).status == 500


def truncated(server, path):
    """What arrived of a body whose end the client could tell was missing."""
    # Less than the keep-alive time of the server: an end that is that late is none.
    with server.connect(timeout=8) as connection, pytest.raises(Truncated) as caught:
        connection.get(path)
    return caught.value


def test_row_07_finally_runs_after_a_wrong_item(site, deployment):
    site.log.expect_exception("TypeError: response iterable must yield bytes, not str")
    site.log.expect("finally of row 7")
    with site.connect() as connection:
        connection.send(request_bytes(target(deployment, answer(body="""
try:
    yield b'first'
    yield 'second'
finally:
    print('finally of row 7')
"""))))  # fmt: skip
        head = connection.response_head()
        assert head.status == 200
        arrived = b""
        try:
            for block in connection.blocks(head):
                arrived += block
        except Truncated as error:
            arrived = error.partial
        assert arrived == b"first"


def request_bytes(path):
    return request("GET", path, {"Connection": "close"})


@pytest.mark.parametrize("body", ["return [b'12345']", "return [b'12', b'345']", "yield b'123'\nyield b'45'"])
def test_row_08_what_is_beyond_the_declared_length_is_dropped(site, deployment, body):
    with site.connect() as connection:
        for _ in range(2):
            response = connection.get(target(deployment, answer("[('Content-Length', '3')]", body)))
            assert (response.status, response.body) == (200, b"123")


@pytest.mark.differs("row 9: the connection stays open, and the next response is taken for the rest")
def test_row_09_a_body_shorter_than_declared_ends_the_connection(site, mode):
    error = truncated(site, target(mode, answer("[('Content-Length', '5')]")))
    assert error.partial == b"x"


@pytest.mark.differs("row 10: a daemon's response ends as if it were complete; embedded nothing comes, and no end")
def test_row_10_an_exception_in_the_middle_is_visible_to_the_client(site, mode):
    site.log.expect_exception("ValueError: in the middle")
    error = truncated(site, target(mode, answer(body="yield b'x'\nraise ValueError('in the middle')")))
    assert error.partial == b"x"


@pytest.mark.differs("row 11: httpd's page for 500 follows (embedded), or a proper end (daemon)")
def test_row_11_an_exception_after_write(site, deployment):
    site.log.expect_exception("ValueError: after write")
    body = "start_response('200 OK', [])(b'x')\nraise ValueError('after write')"
    assert truncated(site, target(deployment, body)).partial == b"x"


def test_an_exception_before_output(site, deployment):
    site.log.expect_exception("ValueError: before output")
    response = run(site, deployment, answer("[('X-Lost', '1')]", "raise ValueError('before output')"))
    assert (response.status, response.reason) == (500, "Internal Server Error")
    assert response.header("X-Lost") is None and b"before output" not in response.body


def test_an_exception_of_the_first_step(site, deployment):
    site.log.expect_exception("ValueError: first step")
    response = run(site, deployment, answer(body="raise ValueError('first step')\nyield b'x'"))
    assert (response.status, response.reason) == (500, "Internal Server Error")


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import sys\nsys.exit('bye')", "raise SystemExit\nyield b''"])
def test_row_12_system_exit_ends_the_request_only(site, deployment, body):
    site.log.expect_exception("SystemExit", code=175)
    with site.connect() as connection:
        assert connection.get(target(deployment, body)).status == 500
    pid = "return [str(__import__('os').getpid()).encode()]"
    assert run(site, deployment, answer(body=pid)).status == 200


def test_row_13_request_timeout_raised_by_hand(site, deployment):
    mark = site.log.mark()
    response = run(site, deployment, answer(body="import mod_wsgi\nraise mod_wsgi.RequestTimeout()"))
    assert (response.status, response.reason, response.body) == (504, "Gateway Timeout", b"")
    site.log.wait_for(r"Request interrupted by RequestTimeout; thread recovered\.", since=mark)
    assert not site.log.search("WSGI0174|WSGI0175|Traceback", since=mark)


def test_request_timeout_after_the_first_block(site, deployment):
    mark = site.log.mark()
    body = answer("[('Content-Length', '5')]", "import mod_wsgi\nyield b'x'\nraise mod_wsgi.RequestTimeout()")
    with site.connect() as connection:
        connection.send(request_bytes(target(deployment, body)))
        head = connection.response_head()
        assert head.status == 200 and connection.rest() == b"x"
    site.log.wait_for("Request interrupted by RequestTimeout after headers sent; response truncated.", since=mark)


def test_close_is_called_once_whatever_happened(site, deployment):
    program = """
        class Body:
            def __iter__(self):
                {}
            def close(self):
                print("closed the body")
        start_response("200 OK", [])
        return Body()
    """
    for how in ("yield b'x'", "return iter(())", "yield b'x'; raise ValueError('on purpose')", "return None"):
        mark = site.log.mark()
        if how != "yield b'x'" and "iter" not in how:
            site.log.expect_exception("(ValueError: on purpose|TypeError: )")
        site.log.expect("closed the body")
        with site.connect() as connection:
            connection.send(request_bytes(target(deployment, program.format(how))))
            connection.rest()
        site.log.wait_for("closed the body", since=mark)
        run(site, deployment, answer())
        assert site.log.count("closed the body", since=mark) == 1


def test_close_that_raises_does_not_change_the_response(site, deployment):
    site.log.expect_exception("ValueError: close")
    response = run(site, deployment, """
        class Body:
            def __iter__(self):
                yield b"whole"
            def close(self):
                raise ValueError("close")
        start_response("200 OK", [])
        return Body()
    """)  # fmt: skip
    assert (response.status, response.body) == (200, b"whole")


def test_looking_up_close_may_fail(site, deployment):
    site.log.expect_code(194, "Lookup of 'close' attribute on WSGI response iterable raised an exception.")
    site.log.allow_exception("ValueError: no close")
    response = run(site, deployment, """
        class Body:
            def __iter__(self):
                yield b"whole"
            @property
            def close(self):
                raise ValueError("no close")
        start_response("200 OK", [])
        return Body()
    """)  # fmt: skip
    assert (response.status, response.body) == (200, b"whole")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_a_body(site, deployment, status):
    with site.connect() as connection:
        assert connection.get(target(deployment, answer(status=status))).body == b""
        assert connection.get(target(deployment, answer())).body == b"x"


def test_a_hundred_blocks_arrive_as_they_are_made(site, deployment):
    body = """
        start_response("200 OK", [])
        for number in range(100):
            yield b"%d " % number
            if number == 50:
                toolkit.wait_for("gate-" + environ["HTTP_X_GATE"])
    """
    gate = f"of-{deployment}"
    with site.connect() as connection:
        connection.send(request("GET", target(deployment, body), {"X-Gate": gate, "Connection": "close"}))
        head = connection.response_head()
        blocks, arrived = connection.blocks(head), b""
        while b"50 " not in arrived:
            arrived += next(blocks)
        assert b"51 " not in arrived
        site.release(f"gate-{gate}")
        arrived += b"".join(blocks)
    assert arrived.split() == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("body", ["return [line]", "yield line", "start(line)\nreturn []"])
def test_a_filter_that_fails_is_no_empty_answer(httpd, body):
    """mod_substitute refuses lines that are too long; nothing was sent by then."""
    text = config.site() + "SetOutputFilter SUBSTITUTE\nSubstitute s/a/b/\nSubstituteMaxLineLength 64\n"
    server = httpd(text, modules=("substitute",))
    program = f"line = b'a' * 1000 + b'\\n'\nstart = start_response('200 OK', [('Content-Type', 'text/plain')])\n{body}"
    server.log.allow(r"\[substitute:error\]")
    server.log.allow_exception("OSError: mod_wsgi failed to write response data: .*")
    assert run(server, config.EMBEDDED, program).status == 500


@pytest.mark.differs("it is sent as if it were final, and the client takes the next response for this one's")
@pytest.mark.parametrize("status", ["100 Continue", "101 Switching Protocols", "103 Early Hints", "199 Own"])
def test_an_interim_status_is_no_response(site, mode, status):
    site.log.expect_exception(f"ValueError: status code must not be that of an interim response: {status[:3]}")
    assert run(site, mode, answer(status=status)).status == 500


@pytest.mark.parametrize(("first", "second", "body"), [(100, 5, b"12345"), (5, 3, b"123"), (3, 5, b"12345")])
def test_the_last_length_counts(site, mode, first, second, body):
    headers = [("Content-Length", str(first)), ("Content-Length", str(second))]
    with site.connect() as connection:
        for _ in range(2):
            response = connection.get(target(mode, answer(headers, "return [b'12345']")))
            assert (response.status, response.body) == (200, body)
