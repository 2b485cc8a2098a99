"""Request bodies (DD 7.10, 8.4; rows 26 to 31)."""

import gzip
import hashlib
import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from harness import httpd_config as config
from harness.wait import until
from http_client import chunked, request
from inline_client import MIXED, OUTCOME, run, target


def read(server, deployment, body, program, headers=None):
    """What `program` made of a body; it has `source`, and leaves its answer in `told`."""
    text = f"{OUTCOME}\nsource = environ['wsgi.input']\n{program}\nreturn report(start_response, told)"
    response = run(server, deployment, text, "POST", headers, body)
    assert response.status == 200, response
    return json.loads(response.text)


SHOWN = "shown = lambda value: [each.decode('latin-1') for each in value]\n"

READS = [
    ("told = source.read().decode()", b"one\ntwo", "one\ntwo"),
    ("told = source.read(-1).decode()", b"one\ntwo", "one\ntwo"),
    ("told = source.read(-7).decode()", b"one", "one"),
    ("told = shown([source.read(0), source.read(2), source.read(100), source.read(1), source.read()])",
     b"one", ["", "on", "e", "", ""]),
    ("told = shown([source.readline(), source.readline(), source.readline()])", b"one\ntwo", ["one\n", "two", ""]),
    ("told = shown([source.readline(5), source.readline(2), source.readline(0), source.readline()])",
     b"one\nlonger\n", ["one\n", "lo", "", "nger\n"]),
    ("told = shown(source.readlines())", b"a\nb\nc", ["a\n", "b\n", "c"]),
    ("told = shown(source.readlines(1))", b"a\nb\nc", ["a\n"]),
    ("told = shown(source.readlines(3))", b"a\nb\nc", ["a\n", "b\n"]),
    ("told = shown(source.readlines(0))", b"a\nb\nc", ["a\n", "b\n", "c"]),
    ("told = shown(list(source))", b"a\n\nc", ["a\n", "\n", "c"]),
    ("told = [source.close(), source.read().decode()]", b"abc", [None, "abc"]),
    ("told = shown([source.read(2), source.readline(), next(source), source.read()])",
     b"abc\nd\nrest", ["ab", "c\n", "d\n", "rest"]),
    ("told = type(source).__module__ + '.' + type(source).__name__", b"", "mod_wsgi.Input"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "body", "expected"), READS, ids=[program for program, *_ in READS])
def test_row_27_reads(site, deployment, program, body, expected):
    assert read(site, deployment, body, SHOWN + program) == expected


@pytest.mark.parametrize("call", ["source.read", "source.readline", "source.readlines"])
@pytest.mark.parametrize("size", ["None", "'1'", "1.0"])
def test_row_26_a_size_is_a_whole_number(site, deployment, call, size):
    told = read(site, deployment, b"abc", f"told = outcome({call}, {size})")
    assert told[0] == "TypeError"


def test_row_27_a_declared_length_does_not_limit_read(site, deployment):
    program = "told = [environ['CONTENT_LENGTH'], source.read(1_000_000).decode(), source.read().decode()]"
    assert read(site, deployment, b"abc", program) == ["3", "abc", ""]


@pytest.mark.parametrize("left_over", [1, 100, 8191, 8192, 8193, 20000])
def test_row_29_a_line_after_left_over_data(site, deployment, left_over):
    lines = [b"x" * left_over + b"\n", b"y" * 9000 + b"\n", b"z\n"]
    body = b"first" + b"".join(lines)
    program = "told = [len(source.read(5))] + [len(source.readline()) for _ in range(4)]"
    assert read(site, deployment, body, program) == [5, left_over + 1, 9001, 2, 0]


def test_row_29_a_newline_far_into_left_over_data(site):
    """Found in what an earlier call left behind, a newline still ends its line."""
    body = b"a" * 10 + b"x" * 8192 + b"\nnext\n" + b"y" * 70000
    program = "told = [len(source.readline(10)), len(source.readline()), source.readline().decode()]"
    told = [read(site, deployment, body, program) for deployment in config.deployments()]
    assert told == [[10, 8193, "next\n"]] * len(told)


DIGEST = "import hashlib\ndata = source.read()\ntold = [len(data), hashlib.sha256(data).hexdigest()]"


@pytest.mark.parametrize("size", [0, 1, 11, 1024, 8192, 65536, 131072, 131073, 5 << 20])
def test_bodies_arrive_whole(site, deployment, size):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert read(site, deployment, body, DIGEST) == [size, hashlib.sha256(body).hexdigest()]


@pytest.mark.oracle_skip(MIXED)
def test_after_the_request_input_is_refused(site, mode):
    program = """
import sys
kept = sys.__dict__.pop("kept_input_of_the_test", None)
if kept is None:
    sys.kept_input_of_the_test = source
    told = None
else:
    told = [outcome(getattr(kept, name))[1] for name in ("read", "readline", "readlines", "close")]
    told.append(outcome(next, kept)[1])
"""
    with site.connect() as connection:
        text = f"{OUTCOME}\nsource = environ['wsgi.input']\n{program}\nreturn report(start_response, told)"
        answers = [connection.get(target(mode, text)) for _ in range(2)]
    told = json.loads(answers[1].text)
    refused = "{}() called on wsgi.input after request completed"
    assert told == [refused.format(name) for name in ("read", "readline", "readlines", "close")] + [
        "iteration of wsgi.input attempted after request completed"
    ]


def test_row_28_a_chunked_body_needs_to_be_allowed(site, deployment):
    site.log.expect_code(139, "support for chunked transfer encoding has not been enabled.")
    headers = {"Transfer-Encoding": "chunked"}
    response = run(site, deployment, "unreachable", "POST", headers, chunked(b"abc"))
    assert response.status == 411


@pytest.fixture(scope="module")
def allowing(httpd_module):
    """Chunked bodies are allowed, and below `/plain/` the handshake before a body is off."""
    text = config.site() + (
        "WSGIChunkedRequest On\n"
        'WSGIScriptAlias /plain "${APPS}/inline.py"\n'
        "<Location /plain>\nWSGIScriptReloading Off\nWSGIProcessGroup site\nWSGIApplicationGroup %{GLOBAL}\n</Location>\n"
    )
    return httpd_module(text)


@pytest.mark.parametrize("blocks", [(), (b"a",), (b"abc\n", b"def"), (b"x" * 100_000,) * 20], ids=len)
def test_chunked_bodies(allowing, deployment, blocks):
    body = b"".join(blocks)
    program = f"told = environ.get('CONTENT_LENGTH')\n{DIGEST}\ntold.append(environ.get('CONTENT_LENGTH'))"
    told = read(allowing, deployment, chunked(*blocks), program, {"Transfer-Encoding": "chunked"})
    assert told == [len(body), hashlib.sha256(body).hexdigest(), None]


@pytest.fixture(scope="module")
def inflating(httpd_module):
    """Bodies are decompressed on their way in."""
    text = config.site() + "WSGIChunkedRequest On\n<Location />\nSetInputFilter DEFLATE\n</Location>\n"
    return httpd_module(text, modules=("deflate",))


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [0, 7, 1000, 131_072, 131_073, 5 << 20])
def test_bodies_whose_size_a_filter_changes(inflating, deployment, size, framing):
    """The client declares the size of what it sends, which is longer or shorter than what the application gets."""
    body = random.Random(size).randbytes(size).hex().encode()[:size]
    sent = gzip.compress(body)
    assert len(sent) != size
    headers = {"Content-Encoding": "gzip"}
    if framing == "chunked":
        headers["Transfer-Encoding"], sent = "chunked", chunked(sent)
    assert read(inflating, deployment, sent, DIGEST, headers) == [size, hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("size", [0, 1, 11, 1024, 8192, 65536])
def test_row_31_bodies_without_a_handshake(allowing, size):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    program = f"source = environ['wsgi.input']\n{DIGEST}\nreturn report(start_response, told)"
    response = allowing.post(f"/plain?{quote(program)}", body)
    assert json.loads(response.text) == [size, hashlib.sha256(body).hexdigest()]


@pytest.mark.differs("row 30: both sides block until socket-timeout, and the client gets a part")
@pytest.mark.oracle_skip("takes its socket timeout")
@pytest.mark.only("daemon")
def test_row_30_a_response_before_the_body_is_read(site, deployment):
    body = b"x" * (4 << 20)
    text = """
        start_response("200 OK", [])
        for _ in range(64):
            yield b"y" * 65536
        yield str(len(environ["wsgi.input"].read())).encode()
    """
    # A client that reads while it writes, as one has to that sends and gets more than the buffers between hold.
    with site.connect() as connection, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(connection.send, request("POST", target(deployment, text), body=body))
        response = connection.response("POST")
        sending.result(30)
    assert response.body == b"y" * (4 << 20) + str(len(body)).encode()


def test_a_body_the_application_does_not_read(site, deployment):
    """The connection stays in step, or is closed and the client told so."""
    text = target(deployment, "return text(start_response, 'unread')")
    with ExitStack() as connections:
        connection = None
        for size in (10, 200_000, 2 << 20, 10):
            connection = connection or connections.enter_context(site.connect())
            response = connection.post(text, b"x" * size)
            assert response.text == "unread"
            if response.header("Connection") == "close":
                connection = None


def test_expect_100_continue(site, deployment):
    """Answered when the body is wanted (a daemon may be asked for it earlier than its application reads)."""
    with site.connect() as connection:
        path = target(deployment, "return text(start_response, environ['wsgi.input'].read().decode())")
        head = request("POST", path, {"Expect": "100-continue", "Content-Length": "5"})
        connection.send(head)
        assert connection._until_empty_line()[0].startswith(b"HTTP/1.1 100")
        connection.send(b"hello")
        assert connection.response("POST").text == "hello"


@pytest.mark.only("embedded")
def test_reading_nothing_asks_for_the_body_and_does_not_wait_for_it(site, deployment):
    program = "return text(start_response, repr(environ['wsgi.input'].read(0)))"
    with site.connect() as connection:
        headers = {"Expect": "100-continue", "Content-Length": "5"}
        connection.send(request("POST", target(deployment, program), headers))
        response = connection.response("POST")
        assert (response.interim, response.status, response.text) == ([100], 200, "b''")


@pytest.mark.only("daemon")
@pytest.mark.differs("the answer waits for the body")
@pytest.mark.oracle_skip("takes its timeout")
@pytest.mark.parametrize("framing", [{"Content-Length": "5"}, {"Content-Length": "500000"}, {"Transfer-Encoding": "chunked"}],
                         ids=["short", "long", "chunked"])  # fmt: skip
def test_an_answer_does_not_wait_for_a_body_that_was_asked_for(allowing, deployment, framing):
    """The daemon has let the child take the body, which the client has not begun to send when the answer comes."""
    path = target(deployment, "start_response('413 Too Large', [('Content-Length', '2')])\nreturn [b'no']")
    with allowing.connect() as connection:
        connection.send(request("POST", path, {"Expect": "100-continue", **framing}))
        response = connection.response("POST")
        assert (response.status, response.body) == (413, b"no")
        assert response.interim in ([], [100]), "it may be too late for that"
        assert response.closes
        connection.expect_closed()


@pytest.mark.only("daemon")
@pytest.mark.oracle_skip("the answer waits for the body, and this client for the answer")
def test_expect_100_continue_and_a_response_that_begins_first(site, deployment):
    """What there is of a response reaches the client before its body is waited for."""
    text = """
        start_response("200 OK", [])
        yield b"first "
        yield environ["wsgi.input"].read()
    """
    with site.connect() as connection:
        connection.send(request("POST", target(deployment, text), {"Expect": "100-continue", "Content-Length": "5"}))
        response = connection.response_head()
        assert response.status == 200
        blocks = connection.blocks(response, "POST")
        assert next(blocks) == b"first "
        connection.send(b"hello")
        assert b"".join(blocks) == b"hello"


def test_no_100_continue_when_the_body_is_not_wanted(site):
    with site.connect() as connection:
        path = target(config.EMBEDDED, "return text(start_response, 'no thanks')")
        connection.send(request("POST", path, {"Expect": "100-continue", "Content-Length": "5"}))
        response = connection.response("POST")
        assert (response.status, response.text) == (200, "no thanks") and 100 not in response.interim


@pytest.mark.parametrize("allowed", [False, True], ids=["length", "chunked"])
def test_a_client_that_leaves_in_the_middle_of_its_body(site, allowing, deployment, allowed):
    server = allowing if allowed else site
    name = f"left-{deployment}-{allowed}"
    text = f"""
        for _ in range(2):
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                toolkit.record({name!r}, str(error))
        return text(start_response, "nobody reads this")
    """
    server.log.allow(r"WSGI0126: |WSGI0119|AH")
    with server.connect() as connection:
        if allowed:
            connection.send(request("POST", target(deployment, text), {"Transfer-Encoding": "chunked"}) + b"a\r\n12345")
        else:
            connection.send(request("POST", target(deployment, text), {"Content-Length": "10"}) + b"12345")
        connection.finish_sending()
        until(lambda: len(server.recorded(name)) == 2, "the read to fail twice")
    first, second = server.recorded(name)
    assert first.startswith("mod_wsgi request data read error: ")
    assert second == "mod_wsgi request data read error: input is already in error state"


def test_an_answer_without_reading_ends_a_connection_that_expects_100(site):
    """Whether the client sends its body all the same nobody can know: what it sends next is no request. A daemon's body is
    asked for on its behalf."""
    where = target(config.EMBEDDED, "start_response('401 Unauthorized', [])\nreturn [b'no']")
    headers = {"Expect": "100-continue", "Content-Length": "6"}
    with site.connect() as connection:
        connection.send(request("POST", where, headers))
        response = connection.response("POST")
        assert (response.status, response.body, response.interim) == (401, b"no", [])
        assert response.closes
        connection.try_send(b"body\r\n")
        connection.expect_closed()


def test_an_answer_does_not_wait_for_a_body_that_nobody_reads(site):
    """Had httpd waited, it would have given up and closed. In a daemon a short body is read before the application is called."""
    where = target(config.EMBEDDED, "start_response('200 OK', [])\nreturn [b'answer']")
    with site.connect() as connection:
        connection.send(request("POST", where, {"Content-Length": "100000"}) + b"abc")
        assert connection.response("POST").body == b"answer"
        connection.send(bytes(100000 - 3))
        assert connection.request("POST", where, None, b"").body == b"answer"
