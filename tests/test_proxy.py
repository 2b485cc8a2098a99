"""Behind a proxy: the PROXY protocol, and X-Forwarded-* of peers that are trusted."""

import json
import socket
import struct

import pytest

from http_client import request

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def proxied(serve_module):
    return serve_module("environ_app", "--proxy-protocol")


def version_2(command, family, addresses, extra=b""):
    body = addresses + extra
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body


def ipv4(source, target, source_port, target_port):
    packed = socket.inet_aton(source) + socket.inet_aton(target)
    return packed + struct.pack("!HH", source_port, target_port)


IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + struct.pack("!HH", 1111, 443)

ACCEPTED = {
    "v1-tcp4": (b"PROXY TCP4 192.0.2.7 192.0.2.8 1111 443\r\n", "192.0.2.7", "1111"),
    "v1-tcp6": (b"PROXY TCP6 2001:db8::7 2001:db8::8 1111 443\r\n", "2001:db8::7", "1111"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1", None),
    "v1-unknown-words": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1", None),
    "v2-tcp4": (
        version_2(1, 0x11, ipv4("192.0.2.7", "192.0.2.8", 1111, 443)),
        "192.0.2.7",
        "1111",
    ),
    "v2-tcp6": (version_2(1, 0x21, IPV6), "2001:db8::1", "1111"),
    "v2-local": (version_2(0, 0x00, b""), "127.0.0.1", None),
    "v2-extras": (
        version_2(1, 0x11, ipv4("192.0.2.7", "192.0.2.8", 1111, 443), b"\x04\0\x03abc"),
        "192.0.2.7",
        "1111",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_address_is_the_one_of_the_header(proxied, name):
    header, address, port = ACCEPTED[name]
    with proxied.connect() as connection:
        connection.send(header + request("GET", "/"))
        for _ in range(2):
            told = json.loads(connection.response().text)["values"]
            assert told["REMOTE_ADDR"] == address
            assert port is None or told["REMOTE_PORT"] == port
            connection.send(request("GET", "/show"))
        connection.response()


def test_a_header_in_single_bytes(proxied):
    for name in ("v1-tcp4", "v2-tcp4"):
        with proxied.connect() as connection:
            for byte in ACCEPTED[name][0] + request("GET", "/"):
                connection.send(bytes([byte]))
            told = json.loads(connection.response().text)["values"]
            assert told["REMOTE_ADDR"] == "192.0.2.7"


REFUSED = {
    "none": b"",
    "http-first": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "v1-lower-case": b"proxy TCP4 192.0.2.7 192.0.2.8 1111 443\r\n",
    "v1-bad-address": b"PROXY TCP4 192.0.2.700 192.0.2.8 1111 443\r\n",
    "v1-family-and-address-differ": b"PROXY TCP4 ::1 ::1 1111 443\r\n",
    "v1-bad-port": b"PROXY TCP4 192.0.2.7 192.0.2.8 99999 443\r\n",
    "v1-missing-port": b"PROXY TCP4 192.0.2.7 192.0.2.8 1111\r\n",
    "v1-bare-lf": b"PROXY TCP4 192.0.2.7 192.0.2.8 1111 443\n",
    "v1-endless": b"PROXY TCP4 " + b"1" * 500,
    "v2-bad-version": SIGNATURE + b"\x31\x11\0\x0c" + ipv4("192.0.2.7", "192.0.2.8", 1, 2),
    "v2-bad-command": version_2(7, 0x11, ipv4("192.0.2.7", "192.0.2.8", 1, 2)),
    "v2-short-addresses": version_2(1, 0x11, b"\1\2\3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_closed_without_a_request(proxied, name):
    with proxied.connect() as connection:
        connection.try_send(REFUSED[name] + request("GET", "/served/refused"))
        assert b" 200 " not in connection.rest()
    assert "/served/refused" not in proxied.recorded("served")


def test_the_header_is_no_header_when_not_asked_for(serve):
    server = serve("environ_app")
    with server.connect() as connection:
        connection.send(ACCEPTED["v1-tcp4"][0] + request("GET", "/"))
        assert connection.response().status == 400


# X-Forwarded-*


def told(server, **headers):
    return json.loads(server.get("/", **headers).text)["values"]


def test_a_trusted_peer_says_who_the_client_is(serve, gil_mode):
    server = serve("environ_app", "--forwarded-allow-ips", "10.0.0.0/8,127.0.0.0/8")
    values = told(server, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
    assert values["REMOTE_ADDR"] == "192.0.2.1"
    assert values["wsgi.url_scheme"] == "https"


def test_the_default_trusts_this_machine(serve):
    values = told(serve("environ_app"), X_Forwarded_Proto="https")
    assert values["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("networks", ["10.0.0.0/8", "", "::1", "127.0.0.2/32"])
def test_an_untrusted_peer_says_nothing(serve, networks):
    server = serve("environ_app", "--forwarded-allow-ips", networks)
    values = told(server, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
    assert values["REMOTE_ADDR"] == "127.0.0.1"
    assert values["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
        ("192.0.2.1, 10.1.1.1, 10.2.2.2", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("not an address", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_nobody_trusts(serve, chain, address):
    server = serve("environ_app", "--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8")
    assert told(server, X_Forwarded_For=chain)["REMOTE_ADDR"] == address


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "http", "ftp", "https, http", ""])
def test_the_scheme_is_http_or_https(serve, scheme):
    values = told(serve("environ_app"), X_Forwarded_Proto=scheme)
    assert values["wsgi.url_scheme"] in ("http", "https")
    if scheme.lower() == "https":
        assert values["wsgi.url_scheme"] == "https"
