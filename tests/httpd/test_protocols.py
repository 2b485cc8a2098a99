"""TLS, HTTP/2, compression, large bodies and slow clients in front of applications."""

import hashlib
import json
import zlib

import pytest

import tls
from harness import httpd_config as config
from harness.wait import until
from http_client import request
from inline_client import run, target

TLS = """
Protocols h2 http/1.1
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


def test_expect_100_continue_over_http2(secure, deployment):
    bodies = [b"x" * 5, b"y" * 200_000]
    with tls.Http2(secure.ports[1]) as connection:
        answers = connection.all([("POST", target(deployment, ECHO), body) for body in bodies], expect=True)
    assert answers == [(200, body, True) for body in bodies]


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


@pytest.mark.parametrize("body", [BIG, "start_response('200 OK', [('Content-Length', '5000')])\nreturn [b'12345' * 1000]"])
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
    """More than the buffers between hold, and others are served while the client is not reading."""
    body = "start_response('200 OK', [])\nfor number in range(256):\n    yield bytes([number]) * 65536"
    with site.connect() as connection:
        connection.send(request("GET", target(deployment, body), {"Connection": "close"}))
        head = connection.response_head()
        for _ in range(3):
            assert site.get(f"/{deployment}/hello.py").body == b"hello\n"
        digest = hashlib.md5()
        for block in connection.blocks(head):
            digest.update(block)
    assert digest.digest() == hashlib.md5(b"".join(bytes([number]) * 65536 for number in range(256))).digest()


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
