"""`start_response` and `write` (DD 7.2 to 7.4), in the words applications may match."""

import textwrap

import pytest

from http_client import request
from inline_client import MIXED, OUTCOME, run, target

REFUSED = [
    ("'200 OK'", "TypeError", "start_response() takes at least 2 arguments (1 given)"),
    ("'200 OK', [], None, 1", "TypeError", "start_response() takes at most 3 arguments (4 given)"),
    ("status='200 OK', headers=[]", "TypeError", "start_response() takes no keyword arguments"),
    ("'200 OK', ()", "TypeError", "start_response() argument 2 must be list, not tuple"),
    ("'200 OK', None", "TypeError", "start_response() argument 2 must be list, not None"),
    ("b'200 OK', []", "TypeError", "must be str, not bytes"),
    ("200, []", "TypeError", "must be str, not int"),
    ("'200 \\u20ac', []", "UnicodeEncodeError", "'latin-1' codec can't encode character"),
    ("'', []", "ValueError", "status code must be a 3 digit integer: b''"),
    ("'20X OK', []", "ValueError", "status code must be a 3 digit integer: b'20X OK'"),
    ("'2000 OK', []", "ValueError", "status code must be a 3 digit integer: b'2000 OK'"),
    ("'200OK', []", "ValueError", "no space following status code: b'200OK'"),
    ("'200 O\\tK', []", "ValueError", "control character in status reason phrase: b'200 O\\tK'"),
    ("'200 O\\nK', []", "ValueError", "control character in status reason phrase: b'200 O\\nK'"),
    ("'200 OK', [['a', 'b']]", "TypeError", "each header must be a 2-tuple, not list"),
    ("'200 OK', [('a', 'b', 'c')]", "ValueError", "each header must be a 2-tuple, got length 3"),
    ("'200 OK', [('a',)]", "ValueError", "each header must be a 2-tuple, got length 1"),
    ("'200 OK', [(b'a', 'b')]", "TypeError", "must be str, not bytes"),
    ("'200 OK', [('a', 1)]", "TypeError", "must be str, not int"),
    ("'200 OK', [('a', '\\u20ac')]", "UnicodeEncodeError", "'latin-1' codec can't encode character"),
    ("'200 OK', [('', 'b')]", "ValueError", "header name is empty"),
    ("'200 OK', [('a\\tb', 'c')]", "ValueError", "control character in header name: b'a\\tb'"),
    ("'200 OK', [('a\\x7f', 'c')]", "ValueError", "control character in header name: b'a\\x7f'"),
    ("'200 OK', [('a b', 'c')]", "ValueError", "space character in header name: b'a b'"),
    ("'200 OK', [('a', 'b\\nc')]", "ValueError", "carriage return/line feed character in header value: b'b\\nc'"),
    ("'200 OK', [('a', 'b\\rc')]", "ValueError", "carriage return/line feed character in header value: b'b\\rc'"),
    # The status comes first, then the headers in their order.
    ("'bad', [('', '')]", "ValueError", "status code must be a 3 digit integer: b'bad'"),
    ("'200 OK', [('a b', '\\n'), ('', '')]", "ValueError", "space character in header name: b'a b'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "message"), REFUSED)
def test_refused(site, deployment, arguments, kind, message):
    body = f"{OUTCOME}\nreturn report(start_response, outcome(start_response, {arguments}))"
    response = run(site, deployment, body)
    name, text = eval(response.text)
    assert name == kind and text.startswith(message)


@pytest.mark.parametrize("status", ["200 OK", "200 ", "200", "599 Any Thing", "418 I'm a teapot", "299 \u00e9"])
def test_status_lines_that_are_right(site, deployment, status):
    response = run(site, deployment, f"start_response({status!r}, [('Content-Length', '1')])\nreturn [b'x']")
    code, _, reason = status.partition(" ")
    assert response.status == int(code) and response.body == b"x"
    assert response.reason == reason or code == "200" and response.reason in ("", "OK")


def test_a_status_below_100_keeps_its_digits(site, mode):
    """It is no status of HTTP, and clients wait for another one: looked at as it is."""
    there = target(mode, "start_response('099 Low', [])\nreturn [b'x']")
    with site.connect() as connection:
        connection.send(request("GET", there, {"Connection": "close"}))
        answer = connection.rest()
    assert answer.startswith(b"HTTP/1.1 099 Low\r\n"), answer


def test_a_status_without_a_reason_gets_httpds(site, deployment):
    assert run(site, deployment, "start_response('404', [])\nreturn []").reason == "Not Found"


def test_a_failed_call_leaves_what_was_set_before(site, deployment):
    response = run(site, deployment, """
        start_response("201 Created", [("X-First", "1")])
        try:
            start_response("bad", [("X-Second", "2")])
        except ValueError:
            pass
        return [b"x"]
    """)  # fmt: skip
    assert (response.status, response.header("X-First"), response.header("X-Second")) == (201, "1", None)


def test_row_03_a_second_call_replaces_the_first(site, deployment):
    response = run(site, deployment, """
        start_response("500 Oops", [("X-First", "1")])
        start_response("201 Created", [("X-Second", "2")])
        return [b"x"]
    """)  # fmt: skip
    assert (response.status, response.header("X-First"), response.header("X-Second")) == (201, None, "2")


def test_a_second_call_after_output_is_refused(site, deployment):
    site.log.expect_exception(
        r"RuntimeError: start_response\(\) called more than once without exc_info"
    )
    response = run(site, deployment, """
        start_response("200 OK", [("Content-Length", "1")])
        yield b"x"
        start_response("500 Late", [])
    """)  # fmt: skip
    assert (response.status, response.body) == (200, b"x")


def test_exc_info_replaces_before_output(site, deployment):
    response = run(site, deployment, """
        import sys
        start_response("200 OK", [("X-First", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("503 Sorry", [("X-Second", "2")], sys.exc_info())
        return [b"x"]
    """)  # fmt: skip
    assert (response.status, response.header("X-First"), response.header("X-Second")) == (503, None, "2")


def test_exc_info_is_raised_again_after_output(site, deployment):
    site.log.expect_exception("KeyError: 'the first'")
    response = run(site, deployment, """
        import sys
        start_response("200 OK", [("Content-Length", "1")])
        yield b"x"
        try:
            raise KeyError("the first")
        except KeyError:
            start_response("500 Late", [], sys.exc_info())
    """)  # fmt: skip
    assert (response.status, response.body) == (200, b"x")


@pytest.mark.parametrize("value", ["1", "'text'", "[1, 2, 3]"])
def test_row_04_exc_info_that_is_no_tuple(site, deployment, value):
    body = f"{OUTCOME}\nreturn report(start_response, outcome(start_response, '200 OK', [], {value}))"
    told = eval(run(site, deployment, body).text)
    assert told == ["RuntimeError", "start_response() argument 'exc_info' must be a 3-tuple or None"]


def test_row_04_exc_info_of_another_length_is_not_noticed_before_output(site, deployment):
    response = run(site, deployment, "start_response('202 Fine', [], (1, 2))\nreturn [b'x']")
    assert (response.status, response.body) == (202, b"x")


def test_exc_info_of_another_length_after_output(site, deployment):
    site.log.expect_exception(r"TypeError: function takes exactly 3 arguments \(2 given\)")
    run(site, deployment, """
        start_response("200 OK", [("Content-Length", "1")])
        yield b"x"
        start_response("500 Late", [], (1, 2))
    """)  # fmt: skip


def test_write_sends_before_what_is_returned(site, deployment):
    response = run(site, deployment, """
        write = start_response("200 OK", [])
        write(b"one ")
        write(b"")
        write(b"two ")
        return [b"three"]
    """)  # fmt: skip
    assert response.body == b"one two three"


@pytest.mark.parametrize(
    ("data", "name"), [("'text'", "str"), ("bytearray(b'x')", "bytearray"), ("memoryview(b'x')", "memoryview")]
)
def test_write_takes_bytes_only(site, deployment, data, name):
    response = run(site, deployment, f"""{OUTCOME}
write = start_response("200 OK", [])
return [repr(outcome(write, {data})).encode()]
""")  # fmt: skip
    assert eval(response.text) == ["TypeError", f"write() argument must be bytes, not {name}"]


@pytest.mark.oracle_skip(MIXED)
def test_late_calls_are_refused(site, deployment):
    """`start_response` and `write` kept beyond their request."""
    body = OUTCOME + textwrap.dedent("""
        import sys
        if not hasattr(sys, "kept_of_the_test"):
            sys.kept_of_the_test = start_response, start_response("200 OK", [])
            return [b"kept"]
        start_response("200 OK", [])
        kept = sys.__dict__.pop("kept_of_the_test")
        late = [outcome(kept[0], "200 OK", []), outcome(kept[1], b"x")]
        return [repr(late).encode()]
    """)
    with site.connect() as connection:  # stays with one process
        answers = [connection.get(target(deployment, body)).text for _ in range(2)]
    assert answers[0] == "kept", answers
    assert eval(answers[1]) == [
        ["RuntimeError", "start_response() called after request completed"],
        ["RuntimeError", "write() called after request completed"],
    ]


@pytest.mark.parametrize("value", ["ten", "-1", "1x", "1.0"])
def test_a_content_length_that_is_none(site, deployment, value):
    site.log.expect_exception(f"ValueError: invalid Content-Length header value: '{value}'")
    response = run(site, deployment, f"start_response('200 OK', [('Content-Length', '{value}')])\nreturn [b'x']")
    assert response.status == 500


@pytest.mark.parametrize("body", ["return [b'x']", "yield b'x'", "return []"])
def test_output_without_start_response(site, deployment, body):
    site.log.expect_exception(
        r"RuntimeError: start_response\(\) must be called before response content is produced"
    )
    assert run(site, deployment, body).status == 500


def test_25_headers_of_the_application(site, deployment):
    response = run(site, deployment, """
        start_response("200 OK", [(f"X-Custom-{n}", f"value {n}") for n in range(25)])
        return [b"x"]
    """)  # fmt: skip
    assert all(response.header(f"X-Custom-{n}") == f"value {n}" for n in range(25))
