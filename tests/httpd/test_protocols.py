"""TLS, HTTP/2, compression, large bodies and slow clients in front of applications."""

import hashlib
import json
import socket
import zlib

import pytest

import tls
from harness import httpd_config as config
from harness.wait import until
from http_client import Truncated, request
from inline_client import run, target

TLS = """
Listen 127.0.0.1:${{PORT2}} https
Protocols h2 http/1.1
SetOutputFilter ""
<VirtualHost *:${{PORT2}}>
ServerName localhost
SSLEngine on
SSLCertificateFile "{cert}"
SSLCertificateKeyFile "{key}"
SSLOptions +StdEnvVars
WSGITrustedProxyHeaders X-Forwarded-Proto
</VirtualHost>
"""


@pytest.fixture(scope="module")
def secure(httpd_module, workplace):
    """HTTP/1.1 and HTTP/2 over TLS on the second port; HTTP/1.1 in the clear on the first."""
    cert, key = tls.certificate(workplace)
    text = config.site() + "SSLSessionCache none\n" + TLS.format(cert=cert, key=key)
    text = text.replace('SetOutputFilter ""\n', "").replace("Listen 127.0.0.1:${PORT2} https\n", "")
    return httpd_module(text, modules=("socache_shmcb", "ssl", "http2", "deflate"), ports=2)


def get(server, path, headers=None):
    with tls.connect(server.ports[1]) as connection:
        return connection.request("GET", path, {**(headers or {}), "Connection": "close"})


def test_environ_over_tls(secure, deployment):
    got = json.loads(get(secure, f"/{deployment}/show_environ.py", {"Host": "localhost"}).text)
    assert got["wsgi.url_scheme"] == got["REQUEST_SCHEME"] == "https" and "HTTPS" not in got
    assert got["SERVER_PORT"] == "443" and got["SSL_PROTOCOL"].startswith("TLS") and got["SSL_CIPHER"]


def test_environ_without_tls(secure, deployment):
    got = json.loads(secure.get(f"/{deployment}/show_environ.py").text)
    assert got["wsgi.url_scheme"] == "http" and not [name for name in got if name.startswith("SSL_")]


def test_a_trusted_scheme_decides_over_tls(secure, mode):
    got = json.loads(get(secure, f"/{mode}/show_environ.py", {"X-Forwarded-Proto": "http"}).text)
    assert got["wsgi.url_scheme"] == "http"


BIG = "start_response('200 OK', [])\nfor number in range(64):\n    yield bytes([number]) * 65536"
ECHO = "body = environ['wsgi.input'].read()\nstart_response('200 OK', [('Content-Length', str(len(body)))])\nreturn [body]"
BIG_BODY = b"".join(bytes([number]) * 65536 for number in range(64))


def test_large_bodies_over_tls(secure, deployment):
    assert get(secure, target(deployment, BIG)).body == BIG_BODY
    with tls.connect(secure.ports[1]) as connection:
        assert connection.post(target(deployment, ECHO), BIG_BODY).body == BIG_BODY


def test_http2(secure, deployment):
    """Thirty streams at once: small, large, and with bodies."""
    paths = [("GET", f"/{deployment}/hello.py", b""), ("GET", target(deployment, BIG), b""),
             ("POST", target(deployment, ECHO), b"x" * 100_000)] * 10  # fmt: skip
    with tls.Http2(secure.ports[1]) as connection:
        answers = connection.all(paths)
    expected = [(200, b"hello\n", True), (200, BIG_BODY, True), (200, b"x" * 100_000, True)] * 10
    assert [(status, hashlib.md5(body).hexdigest(), ended) for status, body, ended in answers] == [
        (status, hashlib.md5(body).hexdigest(), ended) for status, body, ended in expected
    ]


def test_environ_over_http2(secure, deployment):
    with tls.Http2(secure.ports[1]) as connection:
        ((status, body, _),) = connection.all([("GET", f"/{deployment}/show_environ.py?a=b", b"")])
    got = json.loads(body)
    assert (status, got["SERVER_PROTOCOL"], got["HTTP_HOST"], got["QUERY_STRING"]) == (200, "HTTP/2.0", "localhost", "a=b")
    assert got["wsgi.url_scheme"] == "https"


def test_a_failure_over_http2(secure, deployment):
    secure.log.expect_exception("ValueError: over http2")
    with tls.Http2(secure.ports[1]) as connection:
        answers = connection.all([("GET", target(deployment, "raise ValueError('over http2')"), b""),
                                  ("GET", f"/{deployment}/hello.py", b"")])  # fmt: skip
    assert [answer[0] for answer in answers] == [500, 200]


@pytest.fixture(scope="module")
def deflating(httpd_module):
    return httpd_module(config.site() + "SetOutputFilter DEFLATE\n", modules=("deflate",))


@pytest.mark.parametrize("body", [BIG, "start_response('200 OK', [('Content-Length', '5')])\nreturn [b'12345']"])
def test_deflate(deflating, deployment, body):
    plain = run(deflating, deployment, body)
    packed = run(deflating, deployment, body, headers={"Accept-Encoding": "gzip"})
    assert packed.header("Content-Encoding") == "gzip" and plain.header("Content-Encoding") is None
    assert zlib.decompress(packed.body, 31) == plain.body


def test_large_bodies(site, deployment):
    response = run(site, deployment, BIG)
    assert response.body == BIG_BODY and response.framing == "chunked"
    one = run(site, deployment, "start_response('200 OK', [])\nreturn [b'x' * (8 << 20)]")
    assert one.body == b"x" * (8 << 20)


def test_a_slow_client_gets_all_of_it(site, deployment):
    with site.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(request("GET", target(deployment, BIG), {"Connection": "close"}))
        head = connection.response_head()
        # Others are served while this one is not reading.
        for _ in range(3):
            assert site.get(f"/{deployment}/hello.py").body == b"hello\n"
        assert b"".join(connection.blocks(head)) == BIG_BODY


def test_a_client_that_leaves_during_the_response(site, deployment):
    name = f"closed-{deployment}"
    body = f"""
        try:
            start_response("200 OK", [])
            while True:
                yield b"x" * 65536
        finally:
            toolkit.record({name!r}, "closed")
    """
    site.log.allow("WSGI0119|WSGI0120")
    with site.connect() as connection:
        connection.send(request("GET", target(deployment, body)))
        head = connection.response_head()
        next(connection.blocks(head))
        connection.reset()
    until(lambda: site.recorded(name), "the generator to be closed")
    assert not site.log.search("WSGI0174.*mod_wsgi client connection closed")


def test_write_to_a_client_that_left(site, deployment):
    name = f"write-{deployment}"
    body = f"""
        write = start_response("200 OK", [])
        try:
            while True:
                write(b"x" * 65536)
        except OSError as error:
            toolkit.record({name!r}, str(error))
        return []
    """
    site.log.allow("WSGI0119|WSGI0120")
    with site.connect() as connection:
        connection.send(request("GET", target(deployment, body)))
        next(connection.blocks(connection.response_head()))
        connection.reset()
    until(lambda: site.recorded(name), "write to fail")
    (said,) = site.recorded(name)
    assert said.startswith(("mod_wsgi client connection closed", "mod_wsgi failed to write response data: "))


FILE = """
import tempfile
handle = tempfile.TemporaryFile()
handle.write(bytes(range(256)) * 4096)
handle.seek({seek})
start_response('200 OK', {headers})
return environ['wsgi.file_wrapper'](handle)
"""
CONTENT = bytes(range(256)) * 4096


@pytest.mark.parametrize("seek", [0, 1, 500_000, len(CONTENT)])
def test_row_25_a_file_is_sent_from_where_it_stands(site, deployment, seek):
    response = run(site, deployment, FILE.format(seek=seek, headers=[]))
    assert response.body == CONTENT[seek:] and response.header("Content-Length") == str(len(CONTENT) - seek)


@pytest.mark.parametrize("length", [0, 1, 100_000, len(CONTENT)])
def test_a_file_with_a_length(site, deployment, length):
    response = run(site, deployment, FILE.format(seek=0, headers=[("Content-Length", str(length))]))
    assert response.body == CONTENT[:length]


@pytest.mark.differs("row 24: what the client is promised is not there, and the connection stays open")
def test_row_24_a_length_beyond_the_file_is_a_short_response(site, mode):
    site.log.allow("WSGI0|AH")
    text = FILE.format(seek=0, headers=[("Content-Length", str(len(CONTENT) + 10))])
    with site.connect(timeout=8) as connection:
        try:
            response = connection.get(target(mode, text))
        except Truncated as error:
            assert error.partial == CONTENT, "all of the file, and then the end of the connection"
        else:
            assert response.body == CONTENT and response.header("Content-Length") == str(len(CONTENT))


@pytest.mark.parametrize(
    "making", ["__import__('io').BytesIO(b'abc' * 10000)", "type('F', (), {'read': iter([b'abc' * 10000, b'']).__next__ and "
               "(lambda self, n, data=[b'', b'abc' * 10000]: data.pop())})()"],
)  # fmt: skip
def test_what_has_no_descriptor_is_read(site, deployment, making):
    body = f"start_response('200 OK', [])\nreturn environ['wsgi.file_wrapper']({making})"
    assert run(site, deployment, body).body == b"abc" * 10000


def test_the_file_wrapper_itself(site, deployment):
    body = """
        import io
        wrap = environ["wsgi.file_wrapper"]
        one = wrap(filelike=io.BytesIO(b"abcdef"), blksize=4)
        told = [one.blksize, type(one.filelike).__name__, [block.decode() for block in one]]
        one.close(), one.close()
        for attempt in (lambda: one.filelike, lambda: next(iter(one)), lambda: wrap(io.BytesIO(), -1),
                        lambda: next(iter(wrap(io.StringIO("x"))))):
            try:
                attempt()
            except Exception as error:
                told.append([type(error).__name__, str(error)])
        return report(start_response, told)
    """
    assert json.loads(run(site, deployment, body).text) == [
        4, "BytesIO", ["abcd", "ef"], ["ValueError", "I/O operation on closed file"],
        ["ValueError", "I/O operation on closed file"], ["ValueError", "blksize must not be negative"],
        ["TypeError", "file wrapper read() must return bytes, not str"],
    ]  # fmt: skip


def test_the_file_is_closed(site, deployment):
    body = """
        class Watched:
            def read(self, size):
                return b""
            def close(self):
                print("closed the file")
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Watched())
    """
    site.log.expect("closed the file")
    assert run(site, deployment, body).status == 200
