"""What a proxy may say about its client (DD 5.8; rows 43 and 44)."""

import json

import pytest

from harness import httpd_config as config

SECTIONS = {
    "none": "",
    "headers": "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Script-Name "
    "X-Forwarded-Port X-Forwarded-Server",
    "real": "WSGITrustedProxyHeaders X-Real-IP X-Client-IP",
    "https": "WSGITrustedProxyHeaders X-Forwarded-HTTPS X-Forwarded-SSL",
    "trusted": "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto\nWSGITrustedProxies 127.0.0.1 10.0.0.0/8",
    "strangers": "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host\nWSGITrustedProxies 192.0.2.1",
    "nobody": "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies",
    "client": "WSGITrustedProxyHeaders X-Forwarded-For",
    "appended": "WSGITrustedProxyHeaders X-Real-IP\nWSGITrustedProxyHeaders X-Forwarded-Host",
}


@pytest.fixture(scope="module")
def server(httpd_module):
    text = "".join(
        f'WSGIScriptAlias /{each}/{name} "${{APPS}}/show_environ.py"\n<Location /{each}/{name}>\n{lines}\n</Location>\n'
        for each in (config.EMBEDDED, config.DAEMON)
        for name, lines in SECTIONS.items()
    )
    text += "WSGITrustedProxyHeaders X-Real-IP\n" + config.site()
    return httpd_module(text)


def environ_of(server, mode, section, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json.loads(server.get(f"/{mode}/{section}/x", named).text)


FORWARDED = [
    ("client", "192.0.2.7", "192.0.2.7", "192.0.2.7"),
    ("client", "192.0.2.7, 10.0.0.1", "192.0.2.7", "192.0.2.7, 10.0.0.1"),
    ("client", " , 192.0.2.7 , ,10.0.0.1", "192.0.2.7", None),
    ("client", ",", "127.0.0.1", ","),
    ("trusted", "192.0.2.7", "192.0.2.7", "192.0.2.7"),
    ("trusted", "192.0.2.9, 192.0.2.7, 10.0.0.1", "192.0.2.7", "192.0.2.7, 10.0.0.1"),
    ("trusted", "192.0.2.7, 10.0.0.2, 10.0.0.1", "192.0.2.7", "192.0.2.7, 10.0.0.2, 10.0.0.1"),
    ("trusted", "10.0.0.2, 10.0.0.1", "10.0.0.2", "10.0.0.2, 10.0.0.1"),
    ("trusted", "192.0.2.9, 192.0.2.7", "192.0.2.7", "192.0.2.7"),
    ("trusted", "192.0.2.9, unknown", "unknown", "unknown"),
    ("trusted", "192.0.2.9, , 10.0.0.1,", "192.0.2.9", "192.0.2.9, 10.0.0.1"),
]


@pytest.mark.parametrize(("section", "value", "address", "rest"), FORWARDED)
def test_forwarded_for(server, mode, section, value, address, rest):
    got = environ_of(server, mode, section, X_Forwarded_For=value)
    assert got["REMOTE_ADDR"] == address
    if rest is not None:
        assert got["HTTP_X_FORWARDED_FOR"] == rest


def test_without_the_directive_nothing_is_done(server, mode):
    got = environ_of(server, mode, "client", X_Forwarded_Host="other", X_Forwarded_Proto="https")
    assert got["HTTP_X_FORWARDED_HOST"] == "other" and got["HTTP_HOST"] == "test.example"
    assert got["wsgi.url_scheme"] == "http" and got["HTTP_X_FORWARDED_PROTO"] == "https"


def test_a_server_wide_list_is_replaced_by_that_of_a_section(server, mode):
    got = environ_of(server, mode, "client", X_Real_IP="192.0.2.1", X_Forwarded_For="192.0.2.2")
    assert got["REMOTE_ADDR"] == "192.0.2.2"
    got = environ_of(server, mode, "none", X_Real_IP="192.0.2.1", X_Forwarded_For="192.0.2.2")
    assert got["REMOTE_ADDR"] == "192.0.2.1"


def test_lists_of_one_scope_are_joined(server, mode):
    got = environ_of(server, mode, "appended", X_Real_IP="192.0.2.1", X_Forwarded_Host="other")
    assert (got["REMOTE_ADDR"], got["HTTP_HOST"]) == ("192.0.2.1", "other")


def test_every_category(server, mode):
    got = environ_of(
        server, mode, "headers", X_Forwarded_Host="proxy.example:8443", X_Forwarded_Server="server.example",
        X_Forwarded_Port="8443", X_Forwarded_Proto="HTTPS", X_Script_Name="/mounted",
    )  # fmt: skip
    expected = {
        "HTTP_HOST": "proxy.example:8443", "SERVER_NAME": "server.example", "SERVER_PORT": "8443",
        "SCRIPT_NAME": "/mounted", "mod_wsgi.mount_point": "/mounted", "wsgi.url_scheme": "https",
        "mod_wsgi.script_name": f"/{mode}/headers", "PATH_INFO": "/x",
    }  # fmt: skip
    assert {name: got[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("header", "value", "scheme"),
    [("X-Forwarded-HTTPS", value, "https") for value in ("On", "on", "true", "1")]
    + [("X-Forwarded-SSL", value, "http") for value in ("Off", "false", "0", "nonsense")],
)
def test_schemes(server, mode, header, value, scheme):
    assert environ_of(server, mode, "https", **{header: value})["wsgi.url_scheme"] == scheme


def test_row_43_synonyms_go_and_other_categories_stay(server, mode):
    got = environ_of(
        server, mode, "client", X_Forwarded_For="192.0.2.7", X_Real_IP="192.0.2.8", X_Client_IP="192.0.2.9",
        X_Forwarded_Host="stays",
    )  # fmt: skip
    assert got["REMOTE_ADDR"] == "192.0.2.7" and got["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"
    assert "HTTP_X_REAL_IP" not in got and "HTTP_X_CLIENT_IP" not in got
    assert got["HTTP_X_FORWARDED_HOST"] == "stays"


def test_the_last_header_of_the_list_wins(server, mode):
    got = environ_of(server, mode, "real", X_Client_IP="192.0.2.9", X_Real_IP="192.0.2.8")
    assert got["REMOTE_ADDR"] == "192.0.2.9" and "HTTP_X_REAL_IP" not in got


@pytest.mark.parametrize("section", ["strangers", "nobody"])
def test_row_44_who_is_not_trusted_loses_the_headers(server, mode, section):
    got = environ_of(server, mode, section, X_Forwarded_For="192.0.2.7", X_Real_IP="192.0.2.8")
    assert got["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTP_X_FORWARDED_FOR" not in got and "HTTP_X_REAL_IP" not in got


@pytest.mark.parametrize(("place", "client"), [("embedded", "127.0.0.1"), ("daemon", "192.0.2.7")])
def test_only_the_environ_of_the_application_changes(server, place, client):
    """A daemon knows the client from the environ; httpd itself goes on with the peer."""
    mode = config.DAEMON if place == "daemon" else config.EMBEDDED
    server.log.expect(rf"\[client {client}:\d+\].*\bseen\b")
    path = f"/{mode}/inline.py?print('seen');return%20text(start_response,'x')"
    assert server.get(path, {"X-Real-IP": "192.0.2.7"}).text == "x"
