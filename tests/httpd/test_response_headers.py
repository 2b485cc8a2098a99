"""Headers and status lines on their way through httpd (DD 7.8, 8.5; rows 14 to 24)."""

import json
import sys
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from harness import httpd_config as config
from http_client import request
from inline_client import run, target


def answer(headers="[]", body="return [b'x']", status="200 OK"):
    return f"start_response({status!r}, {headers})\n{body}"


@pytest.mark.differs("row 14: 200 Error is a word of the protocol between its processes")
@pytest.mark.only("daemon")
def test_row_14_the_status_text_error_is_a_text(site, deployment):
    response = run(site, deployment, answer(status="200 Error"))
    assert (response.status, response.reason, response.body) == (200, "Error", b"x")


@pytest.mark.parametrize("text", ["200 Continue", "200 Rejected", "200 Timeout", "200 Error"])
def test_no_status_text_is_a_signal_between_processes(site, text):
    response = run(site, config.EMBEDDED, answer(status=text))
    assert (response.status, response.reason) == (200, text[4:])


@pytest.mark.differs("row 15: it becomes the status")
@pytest.mark.only("daemon")
def test_row_15_a_header_named_status_is_a_header(site, deployment):
    response = run(site, deployment, answer("[('Status', '404 Gone Away')]"))
    assert (response.status, response.header("Status"), response.body) == (200, "404 Gone Away", b"x")


def test_row_15_a_header_named_status_embedded(site):
    response = run(site, config.EMBEDDED, answer("[('Status', '404 Gone Away')]"))
    assert (response.status, response.header("Status")) == (200, "404 Gone Away")


@pytest.mark.only("embedded")
def test_row_16_a_location_with_200_is_a_header_embedded(site, deployment):
    response = run(site, deployment, answer("[('Location', '/elsewhere')]"))
    assert (response.status, response.header("Location"), response.body) == (200, "/elsewhere", b"x")


@pytest.mark.only("daemon")
def test_row_16_a_location_with_200_is_an_internal_redirect_in_a_daemon(site, deployment):
    """The client is shown the other response, and told nothing of this one."""
    path = f"/{config.EMBEDDED}/show_environ.py"
    response = run(site, deployment, answer(f"[('Location', '{path}?of=it'), ('X-Mine', '1')]"))
    told = json.loads(response.text)
    assert (response.status, response.header("Location"), response.header("X-Mine")) == (200, None, None)
    assert (told["SCRIPT_NAME"], told["QUERY_STRING"]) == (path, "of=it")
    assert told["REDIRECT_URL"] == f"/{deployment}/inline.py" and told["REQUEST_METHOD"] == "GET"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "201 Created"])
@pytest.mark.parametrize("location", ["/elsewhere", "http://other.example/x"])
def test_redirects_reach_the_client(site, mode, status, location):
    response = run(site, mode, answer(f"[('Location', '{location}')]", status=status))
    assert (response.status, response.body) == (int(status[:3]), b"x")
    assert response.header("Location") == location


@pytest.mark.differs("row 17: a daemon's future Last-Modified becomes now")
@pytest.mark.only("daemon")
def test_row_17_a_last_modified_of_tomorrow_is_left_alone(site, deployment):
    tomorrow = format_datetime(datetime.now(timezone.utc) + timedelta(days=1), usegmt=True)
    response = run(site, deployment, answer(f"[('Last-Modified', '{tomorrow}')]"))
    assert response.header("Last-Modified") == tomorrow


def test_a_last_modified_of_the_past_is_left_alone(site, mode):
    response = run(site, mode, answer("[('Last-Modified', 'Tue, 15 Nov 1994 12:45:26 GMT')]"))
    assert response.header("Last-Modified") == "Tue, 15 Nov 1994 12:45:26 GMT"


REPEATED = "[('X-Many', 'one'), ('X-Many', 'two')]"
SEPARATE = "[('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('WWW-Authenticate', 'Basic'), ('WWW-Authenticate', 'X')]"


@pytest.mark.only("daemon")
def test_row_18_repeated_headers_are_joined_in_a_daemon(site, deployment):
    response = run(site, deployment, answer(REPEATED))
    assert response.headers("X-Many") == ["one, two"]


@pytest.mark.only("embedded")
def test_row_18_repeated_headers_stay_apart_embedded(site, deployment):
    response = run(site, deployment, answer(REPEATED))
    assert response.headers("X-Many") == ["one", "two"]


def test_row_18_cookies_and_challenges_are_never_joined(site, deployment):
    response = run(site, deployment, answer(SEPARATE, status="401 Unauthorized"))
    assert response.headers("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers("WWW-Authenticate") == ["Basic", "X"]


@pytest.mark.differs("row 19: a daemon's media type is made lower-case")
@pytest.mark.only("daemon")
def test_row_19_a_content_type_is_left_as_it_was_written(site, deployment):
    response = run(site, deployment, answer("[('Content-Type', 'Text/HTML; Charset=UTF-8')]"))
    assert response.header("Content-Type") == "Text/HTML; Charset=UTF-8"


def test_content_types(site, deployment):
    for value in ("text/plain", "text/html; charset=utf-8", 'multipart/mixed; boundary="a b"'):
        assert run(site, deployment, answer(f"[('Content-Type', '{value}')]")).header("Content-Type") == value


@pytest.mark.differs("row 20: httpd guesses by the name of the script")
def test_row_20_a_missing_content_type_stays_missing(site, deployment):
    assert run(site, deployment, answer()).header("Content-Type") is None


@pytest.mark.differs("row 21: the value is cut there")
@pytest.mark.parametrize("headers", ["[('X-Nul', 'a\\0b')]", "[('X-\\0Nul', 'a')]"], ids=["value", "name"])
def test_row_21_a_nul_is_refused(site, mode, headers):
    site.log.expect_exception("ValueError: ")
    assert run(site, mode, answer(headers)).status == 500


@pytest.mark.differs("row 22: the body is chunked once, and the client told so twice")
def test_row_22_a_transfer_encoding_of_the_application_does_not_break_framing(site, mode):
    site.log.allow("WSGI|Transfer-Encoding")
    with site.connect(timeout=8) as connection:
        response = connection.get(target(mode, answer("[('Transfer-Encoding', 'chunked')]")))
        assert response.status == 500 or (response.status, response.body) == (200, b"x")
        again = run(site, mode, answer())
        assert again.body == b"x"


def test_date_and_server_are_httpds(site, deployment):
    response = run(site, deployment, answer("[('Date', 'yesterday'), ('Server', 'mine')]"))
    assert response.header("Date").endswith(" GMT")
    assert "mine" not in response.header("Server") and response.header("Server").startswith("Apache")


def test_the_banner_names_module_and_python(httpd):
    server = httpd(f"ServerTokens Full\n{config.site()}")
    banner = server.get(f"/{config.EMBEDDED}/hello.py").header("Server")
    assert f" Python/{sys.version_info[0]}.{sys.version_info[1]}" in banner and " mod_wsgi/6." in banner


def test_statuses_httpd_does_not_know(site, mode):
    for status in ("299 Fine", "418 Teapot", "599 Odd"):
        response = run(site, mode, answer(status=status))
        assert (response.status, response.reason, response.body) == (int(status[:3]), status[4:], b"x")


def test_a_long_header_of_a_daemon(site):
    """Up to 32768 bytes with the name, which is the default of `header-buffer-size`."""
    for size in (1000, 8190, 32000):
        response = run(site, config.DAEMON, answer(f"[('X-Long', 'v' * {size})]"))
        assert len(response.header("X-Long")) == size
    site.log.expect_code(144, "Response header line too long from daemon process 'site'")
    assert run(site, config.DAEMON, answer("[('X-Long', 'v' * 33000)]")).status == 500


@pytest.fixture(scope="module")
def overriding(httpd_module):
    text = "WSGIErrorOverride On\nErrorDocument 404 'our own page'\nErrorDocument 500 'our own 500'\n"
    return httpd_module(config.site() + text)


def test_error_override_replaces_the_page_of_a_daemon(overriding):
    response = run(overriding, config.DAEMON, answer(status="404 Not Found"))
    assert (response.status, response.body) == (404, b"our own page")


def test_error_override_leaves_success_alone(overriding):
    for status in ("200 OK", "302 Found", "399 Odd"):
        response = run(overriding, config.DAEMON, answer("[('X-Mine', '1')]", status=status))
        assert (response.status, response.body, response.header("X-Mine")) == (int(status[:3]), b"x", "1")


def test_row_23_error_override_is_ignored_embedded(overriding):
    response = run(overriding, config.EMBEDDED, answer(status="404 Not Found"))
    assert (response.status, response.body) == (404, b"x")
    response = run(overriding, config.EMBEDDED, answer(status="418 Teapot"))
    assert (response.status, response.body) == (418, b"x")


@pytest.mark.differs("row 23: a 500 page")
@pytest.mark.parametrize("status", ["418 Teapot", "450 Odd", "599 Odd"])
def test_row_23_error_override_leaves_statuses_alone_that_httpd_does_not_know(overriding, status):
    response = run(overriding, config.DAEMON, answer(status=status))
    assert (response.status, response.reason, response.body) == (int(status[:3]), status[4:], b"x")


@pytest.mark.parametrize("size", [1000, 300_000])
def test_row_16_the_body_of_a_redirected_request_is_no_request(site, size):
    """What nobody has read of it does not become the next request of the connection."""
    inner = target(config.DAEMON, answer())
    path = target(config.DAEMON, answer(f"[('Location', {inner!r})]", "return [b'not shown']"))
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    body = hidden * (size // len(hidden))
    with site.connect() as connection:
        connection.send(request("POST", path, {"Content-Length": str(len(body))}))
        connection.try_send(body)
        response = connection.response("POST")
        assert (response.status, response.body) == (200, b"x")
        if response.closes:
            connection.expect_closed()
        else:
            assert connection.get(target(config.DAEMON, answer())).body == b"x"
    assert not any("/hidden" in line for line in site.access_log())


@pytest.mark.differs("the length that the client is told is that of the last header, and what is sent that of the first")
@pytest.mark.parametrize("values", [("900000", "3"), ("3", "900000"), ("3", "+900000")], ids=" ".join)
def test_of_several_lengths_the_last_holds_for_everybody(site, deployment, values):
    """Otherwise the next response on the connection begins inside of this one, or this one inside of the next. A short response
    would get its length from httpd."""
    headers, length = [("Content-Length", value) for value in values], int(values[-1])
    with site.connect() as connection:
        path = target(deployment, answer(headers, "for _ in range(9):\n    yield b'x' * 100000"))
        for _ in range(2):
            response = connection.get(path)
            assert response.header("Content-Length") == str(length)
            assert response.body == b"x" * length
