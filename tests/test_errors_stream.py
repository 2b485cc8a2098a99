"""`wsgi.errors` and the other places an application writes messages to end up in the log."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from harness.wait import until
from http_client import Connection


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("errors_app")


@pytest.mark.parametrize("text", ["plain words", "caf\xe9 \u20ac \U0001f943", "x" * 8_000])
def test_a_line_reaches_the_log(server, text):
    server.log.expect(text[:100])
    assert server.get("/write?text=" + quote(text)).status == 200
    server.log.wait_for(text)


def test_every_method_makes_a_record_of_each_line(server):
    for line in ("by write", "by writelines", "second of writelines", "by print"):
        server.log.expect(line)
    server.log.expect("without an end")
    start = server.log.mark()
    server.get("/methods")
    for line in ("by write$", "by writelines$", "^.*second of writelines$", "by print$"):
        server.log.wait_for(line, since=start)
    server.log.wait_for("without an end", since=start)


def test_an_unfinished_line_is_written_at_the_end_of_the_request(server):
    server.log.expect("never finished")
    server.get("/unfinished")
    server.log.wait_for("never finished")


def test_control_characters_cannot_forge_or_hide_anything(server):
    server.log.expect("begin")
    start = server.log.mark()
    server.get("/forge")
    server.log.wait_for("begin", since=start)
    text = server.log.since(start)
    assert "\x1b" not in text and "\0" not in text and "\r" not in text


def test_the_stream(server):
    assert json.loads(server.get("/protocol").text) == {
        "encoding": "utf-8",
        "errors": "replace",
        "name": "<wsgi.errors>",
        "isatty": False,
        "writable": True,
        "readable": False,
        "closed": False,
        "fileno": "OSError",
        "bytes": "TypeError",
    }


def test_print_and_logging_are_not_lost(serve, gil_mode):
    server = serve("errors_app")
    server.log.allow("on standard|through logging|from a thread")
    server.get("/elsewhere")
    for line in ("on standard error", "through logging", "from a thread"):
        server.log.wait_for(line)
    server.stop()
    assert "on standard output" in server.log.text() + server.stdout.read_text()


def test_lines_of_requests_at_the_same_time_stay_whole(server):
    server.log.allow("[a-z]{300}")
    start = server.log.mark()
    lines = [letter * 300 for letter in "abcdefghijklmnop"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: server.get("/write?text=" + line), lines))
    for line in lines:
        server.log.wait_for(rf"(?<![a-z]){line}(?![a-z])", since=start)


def test_the_log_level_hides_what_is_below_it(serve):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    server = serve("errors_app", "--log-level", "error", bind=f"127.0.0.1:{port}", ready=False)

    def answers():
        try:
            with Connection(("127.0.0.1", port)) as connection:
                return connection.get("/protocol").status == 200
        except OSError:
            return False

    until(answers, "the server to answer")
    assert server.stop() == 0
    assert server.log.text() == ""
