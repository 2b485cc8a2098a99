"""What bad input gets: the status of the table, a closed connection, and never a second request.

Every row is sent with a complete, innocent request behind it. If any byte of the refused request is
taken for the end of it, that request is served, and the application tells.
"""

import pytest

from http_client import Connection, request

HOST = b"Host: test.example\r\n"
SECOND = request("GET", "/smuggled", {"X-Smuggled": "1"})


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module("served_app", "--limit-request-body", "1MiB")


@pytest.fixture(autouse=True)
def nothing_is_smuggled_and_the_server_goes_on(server):
    before = server.recorded("served").count("/smuggled")
    yield
    assert server.get("/after").body == b"/after 0"
    assert server.recorded("served").count("/smuggled") == before


def get(*lines: bytes) -> bytes:
    return b"".join([b"GET / HTTP/1.1\r\n", HOST, *lines, b"\r\n"])


def post(headers: bytes, body: bytes) -> bytes:
    return b"".join([b"POST / HTTP/1.1\r\n", HOST, headers, b"\r\n", body])


def chunks(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", body)


def target(text: bytes, method: bytes = b"GET") -> bytes:
    return method + b" " + text + b" HTTP/1.1\r\n" + HOST + b"\r\n"


#: name -> (bytes, acceptable statuses)
REFUSED = {
    # Request lines
    "noise": (b"\x00\x01\x02\x03\r\n\r\n", {400}),
    "tls-hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "http-0.9": (b"GET /\r\n\r\n", {400}),
    "method-only": (b"GET\r\n\r\n", {400}),
    "no-target": (b"GET HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "two-targets": (b"GET / /b HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "bad-method": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "method-with-colon": (b"GET: / HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "lower-case-http": (b"GET / http/1.1\r\n" + HOST + b"\r\n", {400}),
    "other-protocol": (b"GET / HTTX/1.1\r\n" + HOST + b"\r\n", {400}),
    "version-words": (b"GET / HTTP/one\r\n" + HOST + b"\r\n", {400}),
    "version-long": (b"GET / HTTP/1.11\r\n" + HOST + b"\r\n", {400, 505}),
    "http-2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", {505}),
    "http-3.0": (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", {505}),
    "http-2-preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "nul-in-target": (target(b"/a\0b"), {400}),
    "control-in-target": (target(b"/a\x01b"), {400}),
    # The form of the target against the method (RFC 9112 section 3.2)
    "relative-target": (target(b"foo"), {400}),
    "asterisk-with-get": (target(b"*"), {400}),
    "authority-with-get": (target(b"test.example:80"), {400}),
    "connect-authority": (target(b"test.example:80", b"CONNECT"), {400, 405, 501}),
    "connect-path": (target(b"/", b"CONNECT"), {400, 405, 501}),
    "fragment": (target(b"/a#b"), {400}),
    "absolute-without-authority": (target(b"http:///a"), {400}),
    # Host (RFC 9112 section 3.2, RFC 9110 section 7.2)
    "no-host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two-hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    "same-host-twice": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", {400}),
    "host-list": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", {400}),
    "host-space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    "host-path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", {400}),
    "host-user": (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", {400}),
    "host-port-words": (b"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", {400}),
    "two-hosts-and-absolute-form": (
        b"GET http://c/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        {400},
    ),
    # Header lines
    "no-colon": (get(b"X-A\r\n"), {400}),
    "empty-name": (get(b": x\r\n"), {400}),
    "space-before-colon": (get(b"X-A : x\r\n"), {400}),
    "space-in-name": (get(b"X A: x\r\n"), {400}),
    "tab-in-name": (get(b"X\tA: x\r\n"), {400}),
    "separator-in-name": (get(b"X(A): x\r\n"), {400}),
    "latin-1-in-name": (get(b"X\xe9: x\r\n"), {400}),
    "folded": (get(b"X-A: x\r\n y\r\n"), {400}),
    "space-before-first-line": (b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", {400}),
    "nul-in-value": (get(b"X-A: a\0b\r\n"), {400}),
    "control-in-value": (get(b"X-A: a\x01b\r\n"), {400}),
    "delete-in-value": (get(b"X-A: a\x7fb\r\n"), {400}),
    "return-in-value": (get(b"X-A: a\rb\r\n"), {400}),
    # Content-Length (RFC 9112 section 6.3)
    "length-negative": (post(b"Content-Length: -1\r\n", b""), {400}),
    "length-plus": (post(b"Content-Length: +3\r\n", b"abc"), {400}),
    "length-hex": (post(b"Content-Length: 0x3\r\n", b"abc"), {400}),
    "length-words": (post(b"Content-Length: three\r\n", b"abc"), {400}),
    "length-empty": (post(b"Content-Length:\r\n", b""), {400}),
    "length-decimal": (post(b"Content-Length: 3.0\r\n", b"abc"), {400}),
    "length-space": (post(b"Content-Length: 3 3\r\n", b"abc"), {400}),
    "length-huge": (post(b"Content-Length: 99999999999999999999999999\r\n", b""), {400, 413}),
    "lengths-conflict": (post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc"), {400}),
    "lengths-repeat": (post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"), {400}),
    "length-list": (post(b"Content-Length: 3, 3\r\n", b"abc"), {400}),
    "length-conflict-list": (post(b"Content-Length: 3, 4\r\n", b"abc"), {400}),
    # Transfer-Encoding (RFC 9112 sections 6.1 and 6.3)
    "coding-and-length": (
        post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        {400},
    ),
    "length-and-coding": (
        post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
        {400},
    ),
    "coding-gzip": (post(b"Transfer-Encoding: gzip\r\n", b""), {501}),
    "coding-unknown": (post(b"Transfer-Encoding: whiskey\r\n", b""), {501}),
    "coding-gzip-chunked": (post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), {501}),
    "coding-identity": (post(b"Transfer-Encoding: identity\r\n", b""), {400, 501}),
    "coding-chunked-gzip": (post(b"Transfer-Encoding: chunked, gzip\r\n", b""), {400, 501}),
    "coding-twice": (post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), {400, 501}),
    "coding-lines": (
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        {400, 501},
    ),
    "coding-lines-differ": (
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", b"0\r\n\r\n"),
        {400, 501},
    ),
    "coding-parameter": (post(b"Transfer-Encoding: chunked;a=b\r\n", b"0\r\n\r\n"), {400, 501}),
    "coding-prefix": (post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), {400, 501}),
    "coding-vertical-tab": (post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), {400, 501}),
    "coding-quoted": (post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), {400, 501}),
    "coding-empty": (post(b"Transfer-Encoding:\r\n", b""), {400, 501}),
    "coding-space-colon": (post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), {400}),
    "coding-http-1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
        {400, 501},
    ),
    # Chunks (RFC 9112 section 7.1)
    "chunk-words": (chunks(b"zz\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-empty-size": (chunks(b"\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-negative": (chunks(b"-3\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-plus": (chunks(b"+3\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-0x": (chunks(b"0x3\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-overflow": (chunks(b"10000000000000003\r\nabc\r\n0\r\n\r\n"), {400, 413}),
    "chunk-leading-space": (chunks(b" 3\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-long-data": (chunks(b"3\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk-no-crlf": (chunks(b"3\r\nabc0\r\n\r\n"), {400}),
    "chunk-bare-lf": (chunks(b"3\nabc\n0\n\n"), {400}),
    "chunk-return-only": (chunks(b"3\rabc\r0\r\r"), {400}),
    "chunk-lf-in-extension": (chunks(b"3;a\nb\r\nabc\r\n0\r\n\r\n"), {400}),
    "chunk-nul": (chunks(b"3\0\r\nabc\r\n0\r\n\r\n"), {400}),
    "trailer-no-colon": (chunks(b"0\r\nX\r\n\r\n"), {400}),
    "trailer-control": (chunks(b"0\r\nX: a\0b\r\n\r\n"), {400}),
    # Limits, by their defaults but for the body
    "target-long": (target(b"/" + b"a" * 9000), {414}),
    "target-endless": (target(b"/" + b"a" * 200_000), {414}),
    "field-long": (get(b"X-A: " + b"a" * 9000 + b"\r\n"), {431}),
    "fields-many": (get(*(b"X-%d: x\r\n" % n for n in range(150))), {431}),
    "head-large": (get(*(b"X-%d: %b\r\n" % (n, b"x" * 8000) for n in range(9))), {431}),
    "name-long": (get(b"X" * 70_000 + b": a\r\n"), {431}),
    "body-large": (post(b"Content-Length: 1048577\r\n", b""), {413}),
    "body-large-chunks": (chunks((b"40000\r\n" + b"x" * 0x40000 + b"\r\n") * 5), {413}),
    # Expectations (RFC 9110 section 10.1.1)
    "expect-unknown": (post(b"Expect: 200-maybe\r\nContent-Length: 3\r\n", b"abc"), {417}),
    "expect-two": (post(b"Expect: 100-continue, x\r\nContent-Length: 3\r\n", b"abc"), {417}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_status_and_closed(server, name):
    data, statuses = REFUSED[name]
    with server.connect() as connection:
        connection.try_send(data + SECOND)
        response = connection.response()
        assert response.status in statuses
        assert response.closes, "nobody knows where the next request begins"
        connection.expect_closed()


def test_a_refused_body_over_the_limit_is_an_error_to_a_reading_application(server):
    """The application may already be reading when the chunks pass the limit."""
    server.log.allow_traceback("OSError")
    with server.connect() as connection:
        block = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"
        connection.try_send(chunks(block * 8 + b"0\r\n\r\n") + SECOND)
        assert b"HTTP/1.1 200" not in connection.rest()


def test_a_body_of_exactly_the_limit_passes(server):
    assert server.post("/exact", b"x" * (1 << 20)).body == b"/exact 1048576"


def test_a_target_and_a_field_of_exactly_the_limit_pass(server):
    line = 8190 - len("GET / HTTP/1.1")
    assert server.get("/" + "a" * line).status == 200
    assert server.get("/", X_A="a" * (8190 - len("X-A: "))).status == 200


@pytest.mark.parametrize("count", [95, 98])
def test_many_fields_pass(server, count):
    fields = [(f"X-{number}", "x") for number in range(count)]
    with server.connect() as connection:
        assert connection.request("GET", "/", fields).status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a:8000\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n",
        b"GET /x HTTP/1.1\r\nhOST:a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n000\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX:" + b" " * 1000 + b"b\r\n\r\n",
    ],
)
def test_odd_but_valid_requests_are_served(server, data):
    with server.connect() as connection:
        connection.send(data)
        assert connection.response().body == b"/x 0"


def test_a_request_in_single_bytes_is_served(server):
    with server.connect() as connection:
        for byte in post(b"Content-Length: 3\r\n", b"abc"):
            connection.send(bytes([byte]))
        assert connection.response().body == b"/ 3"


def test_every_prefix_of_a_request_that_ends_is_survived(server):
    """Half a request and then nothing more: the server closes, and serves nothing."""
    served = len(server.recorded("served"))
    whole = chunks(b"3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n")
    for length in range(len(whole)):
        with Connection(server.addresses[0]) as connection:
            connection.send(whole[:length])
            connection.finish_sending()
            assert b" 200 " not in connection.rest(), whole[:length]
    assert len(server.recorded("served")) == served


def test_every_single_byte_of_a_request_may_be_any_other(server):
    """Nothing a client sends reaches a panic: one byte of a request is replaced, all over it."""
    whole = chunks(b"3\r\nabc\r\n0\r\n\r\n")
    for position in range(len(whole)):
        for byte in (b"\0", b"\r", b"\n", b"\xff", b" ", b":"):
            broken = whole[:position] + byte + whole[position + 1 :]
            with Connection(server.addresses[0]) as connection:
                connection.send(broken)
                connection.finish_sending()
                assert connection.rest()[:9] in (b"HTTP/1.1 ", b"")
