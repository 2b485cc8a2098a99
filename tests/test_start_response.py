"""`start_response` and `write`: exact exception types and texts, and what reaches the wire."""

import ast
import json

import pytest

from harness.wait import until


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("start_response_app")


ARGUMENTS = "start_response() "
STATUS = "status code must be a 3 digit integer: "
CONTROL_IN_NAME = "control character in header name: "
LINE_IN_VALUE = "carriage return/line feed character in header value: "

REFUSED = {
    "no-arguments": ("TypeError", ARGUMENTS + "takes at least 2 arguments (0 given)"),
    "one-argument": ("TypeError", ARGUMENTS + "takes at least 2 arguments (1 given)"),
    "four-arguments": ("TypeError", ARGUMENTS + "takes at most 3 arguments (4 given)"),
    "keywords": ("TypeError", ARGUMENTS + "takes no keyword arguments"),
    "headers-tuple": ("TypeError", ARGUMENTS + "argument 2 must be list, not tuple"),
    "headers-none": ("TypeError", ARGUMENTS + "argument 2 must be list, not NoneType"),
    "headers-dict": ("TypeError", ARGUMENTS + "argument 2 must be list, not dict"),
    "headers-iterator": ("TypeError", ARGUMENTS + "argument 2 must be list, not list_iterator"),
    "exc-info-string": (
        "RuntimeError",
        ARGUMENTS + "argument 'exc_info' must be a 3-tuple or None",
    ),
    "exc-info-list": ("RuntimeError", ARGUMENTS + "argument 'exc_info' must be a 3-tuple or None"),
    "status-bytes": ("TypeError", "must be str, not bytes"),
    "status-int": ("TypeError", "must be str, not int"),
    "status-none": ("TypeError", "must be str, not NoneType"),
    "status-not-latin-1": ("UnicodeEncodeError", None),
    "status-empty": ("ValueError", STATUS + "b''"),
    "status-two-digits": ("ValueError", STATUS + "b'20 OK'"),
    "status-four-digits": ("ValueError", STATUS + "b'2000 OK'"),
    "status-letters": ("ValueError", STATUS + "b'abc OK'"),
    "status-leading-space": ("ValueError", STATUS + "b' 200 OK'"),
    "status-no-space": ("ValueError", "no space following status code: b'200OK'"),
    "status-tab": ("ValueError", "no space following status code: b'200\\tOK'"),
    "status-newline": (
        "ValueError",
        "control character in status reason phrase: b'200 OK\\r\\nX-Injected: 1'",
    ),
    "status-control": ("ValueError", "control character in status reason phrase: b'200 O\\x01K'"),
    "header-list": ("TypeError", "each header must be a 2-tuple, not list"),
    "header-string": ("TypeError", "each header must be a 2-tuple, not str"),
    "header-three": ("ValueError", "each header must be a 2-tuple, got length 3"),
    "header-one": ("ValueError", "each header must be a 2-tuple, got length 1"),
    "name-bytes": ("TypeError", "must be str, not bytes"),
    "value-bytes": ("TypeError", "must be str, not bytes"),
    "value-int": ("TypeError", "must be str, not int"),
    "value-none": ("TypeError", "must be str, not NoneType"),
    "name-not-latin-1": ("UnicodeEncodeError", None),
    "value-not-latin-1": ("UnicodeEncodeError", None),
    "name-empty": ("ValueError", "header name is empty"),
    "name-newline": ("ValueError", CONTROL_IN_NAME + "b'A\\nB'"),
    "name-tab": ("ValueError", CONTROL_IN_NAME + "b'A\\tB'"),
    "name-del": ("ValueError", CONTROL_IN_NAME + "b'A\\x7f'"),
    "name-space": ("ValueError", "space character in header name: b'A B'"),
    "value-newline": ("ValueError", LINE_IN_VALUE + "b'b\\nX-Injected: 1'"),
    "value-return": ("ValueError", LINE_IN_VALUE + "b'b\\rc'"),
    "second-header": ("ValueError", LINE_IN_VALUE + "b'd\\r\\n'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_type_and_text_of_the_reference(server, name):
    kind, text = json.loads(server.get(f"/before/{name}").text)
    expected_kind, expected_text = REFUSED[name]
    assert kind == expected_kind, text
    assert expected_text is None or text == expected_text


@pytest.mark.parametrize("name", ["value-newline", "status-letters", "headers-none"])
def test_a_refused_call_leaves_the_earlier_head(server, name):
    response = server.get(f"/keeps-earlier/{name}")
    assert (response.status, response.reason) == (202, "Earlier")
    assert response.header("X-Earlier") == "1" and response.body == b"kept"


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("reason-less", 200, ""), ("reason-empty", 200, ""),
        ("reason-latin-1", 200, "tr\xe8s bien"), ("unknown-status", 599, "Own Words"),
        ("list-subclass", 200, "OK"), ("string-subclass", 200, "OK"), ("no-headers", 200, "OK"),
        ("exc-info-none", 200, "OK"), ("twice", 200, "OK"), ("replaced", 500, "Replaced"),
    ],
)  # fmt: skip
def test_accepted_heads(server, name, status, reason):
    response = server.get(f"/accepted/{name}")
    assert (response.status, response.reason, response.body) == (status, reason, b"body")
    assert not response.headers("X-Old")


@pytest.mark.parametrize(
    ("name", "header", "sent"),
    [
        ("value-empty", "X-Empty", [""]), ("value-latin-1", "X-Word", ["caf\xe9"]),
        ("value-tab", "X-Tab", ["a\tb"]), ("repeated-names", "Set-Cookie", ["a=1", "b=2"]),
        ("string-subclass", "X-Text", ["t"]), ("replaced", "X-New", ["1"]),
    ],
)  # fmt: skip
def test_header_values_on_the_wire(server, name, header, sent):
    assert server.get(f"/accepted/{name}").headers(header) == sent


@pytest.mark.parametrize("name", ["own-date", "own-server"])
def test_date_and_server_are_never_sent_twice(server, name):
    response = server.get(f"/accepted/{name}")
    assert response.header("Date") and response.header("Server")


def test_hop_by_hop_headers_of_the_application_do_not_touch_the_framing(server):
    with server.connect() as connection:
        response = connection.get("/accepted/hop-by-hop")
        assert response.body == b"body"
        assert not response.headers("Keep-Alive") and not response.headers("Upgrade")
        assert "x-secret" not in ",".join(response.headers("Connection"))
        assert connection.get("/plain").body == b"plain"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("again", ["RuntimeError", ARGUMENTS + "called more than once without exc_info"]),
        ("exc-info", ["KeyError", "'the original'"]),
        ("exc-info-short", ["TypeError", "function takes exactly 3 arguments (2 given)"]),
        ("exc-info-empty", ["TypeError", "function takes exactly 3 arguments (0 given)"]),
    ],
)
def test_after_the_head_is_sent(server, name, said):
    response = server.get(f"/after/{name}")
    first, _, rest = response.text.partition("|")
    assert (response.status, first) == (200, "first")
    assert ast.literal_eval(rest) == said


def test_write_takes_bytes_only(server):
    said = ast.literal_eval(server.get("/result/").text)
    text = "write() argument must be bytes, not "
    assert said == [
        True,
        *(["TypeError", text + kind] for kind in ("str", "bytearray", "memoryview")),
        ["TypeError", text + "NoneType"],
        ["TypeError", text + "int"],
        ["returned", "NoneType"],
    ]


@pytest.mark.parametrize("value", ["abc", "-1", "1x", ""])
def test_a_content_length_that_is_no_number(server, value):
    kind, text = json.loads(server.get(f"/bad-length/?value={value}").text)
    assert (kind, text) == ("ValueError", f"invalid Content-Length header value: '{value}'")


def test_what_a_finished_request_left_refuses_to_work(server):
    assert server.get("/keep").body == b"kept"
    # Any interpreter may answer; only the one that served the first request has something.
    said = until(lambda: json.loads(server.get("/use").text), "the same interpreter again")
    completed = "after request completed"
    assert said == {
        "start_response": ["RuntimeError", f"start_response() called {completed}"],
        "write": ["RuntimeError", f"write() called {completed}"],
        "read": ["RuntimeError", f"read() called on wsgi.input {completed}"],
        "readline": ["RuntimeError", f"readline() called on wsgi.input {completed}"],
        "readlines": ["RuntimeError", f"readlines() called on wsgi.input {completed}"],
        "iteration": ["RuntimeError", f"iteration of wsgi.input attempted {completed}"],
        "errors": ["RuntimeError", f"write() called on wsgi.errors {completed}"],
    }
    server.log.allow("late line")


@pytest.mark.parametrize("name", ["empty", "block", "empty-block"])
def test_a_body_without_start_response_is_an_error(server, name):
    server.log.expect_traceback(
        r"RuntimeError: start_response\(\) must be called before response content is produced"
    )
    assert server.get(f"/no-start/{name}").status == 500


@pytest.mark.parametrize("name", ["colon", "nul-value", "quote"])
def test_what_http_cannot_say_never_reaches_the_wire(server, name):
    server.log.allow(".")
    # The strict client refuses such a head, so any response it can parse is a clean one.
    response = server.get(f"/odd-head/{name}")
    assert not response.headers("X") and not response.headers("X-Nul")


@pytest.mark.parametrize("name", ["204", "304"])
def test_a_status_without_body_has_none(server, name):
    with server.connect() as connection:
        response = connection.get(f"/bodiless/{name}")
        assert (response.status, response.body) == (int(name), b"")
        assert not response.headers("Transfer-Encoding")
        assert connection.get("/plain").body == b"plain", "body bytes were sent"
