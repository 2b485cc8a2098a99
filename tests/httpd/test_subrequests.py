"""Requests that httpd makes of others: internal redirects, error documents, included parts (DD 5.5, 6.1)."""

import json
import re

import pytest

from harness import httpd_config as config
from http_client import Truncated, request

#: Tells its environ and what it can read, or does what the path behind it says.
PART = r"""
import json

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/").partition("/")[0]](environ, start_response)

def show(environ, start_response):
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    told["read"] = environ["wsgi.input"].read().decode("latin-1")
    print("inside of", told["SCRIPT_NAME"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [json.dumps(told).encode()]

def fail(environ, start_response):
    raise ValueError("a part on purpose")

def halfway(environ, start_response):
    start_response("200 OK", [])
    yield b"half"
    raise ValueError("a part on purpose")

def gone(environ, start_response):
    start_response("410 Moved away", [("WWW-Authenticate", "Nothing")])
    return [b"page of the application"]
"""

#: Has httpd include what the query names, while the application is in the middle of its response.
PAGE = r"""
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    yield b'{<!--#include virtual="' + environ["QUERY_STRING"].encode() + b'" -->}'
    yield b"end"
"""

SECTIONS = """
WSGIScriptAlias /{0} "${{FOLDER}}/scripts/part.py"
WSGIScriptAlias /page/{0} "${{FOLDER}}/scripts/page.py"
{1}
{2}
<Location /page>
SetOutputFilter INCLUDES
Options +Includes
</Location>
RewriteRule ^/rewritten/{0}/(.*) /{0}/$1 [PT,E=SEEN:$1]
<Location /missing/{0}>
ErrorDocument 404 /{0}/show/page?of=error
</Location>
<Location /denied/{0}>
Require all denied
ErrorDocument 403 /{0}/gone
</Location>
<Location /broken/{0}>
Require all denied
ErrorDocument 403 /{0}/fail
</Location>
"""


@pytest.fixture(scope="module")
def server(httpd_module):
    text = config.interpreters() + "WSGIDaemonProcess site threads=6\nRewriteEngine On\n"
    for each in config.deployments():
        text += SECTIONS.format(each, each.section(f"/{each}"), each.section(f"/page/{each}"))
    text += (
        '<Directory "${FOLDER}/htdocs">\nOptions +Includes +ExecCGI\nAddOutputFilter INCLUDES .shtml\n'
        "AddHandler wsgi-script .wsgi\nDirectoryIndex index.wsgi\nWSGIApplicationGroup %{GLOBAL}\n"
        "RewriteEngine On\nRewriteRule ^short/(embedded|daemon)/(.*)$ /$1.wsgi/show/$2 [L,E=SHORT:$2]\n</Directory>\n"
        "<Files daemon.wsgi>\nWSGIProcessGroup site\n</Files>\n"
    )
    server = httpd_module(text, modules=("include",), scripts={"part.py": PART, "page.py": PAGE})
    htdocs = server.folder / "htdocs"
    for name in ("index", "embedded", "daemon"):
        (htdocs / f"{name}.wsgi").write_text(PART)
    for each in config.deployments():
        for name in ("show", "fail", "halfway"):
            (htdocs / f"{each}-{name}.shtml").write_text(f'[<!--#include virtual="/{each}/{name}?a=b" -->]')
    return server


def ask(server, deployment, method, target, body=None):
    """The response, with another request already behind it: that is answered, and is the next one."""
    server.log.allow("inside of")
    with server.connect() as connection:
        connection.send(request(method, target, None, body) + request("GET", f"/{deployment}/show/next"))
        response = connection.response(method)
        assert json.loads(connection.response().text)["PATH_INFO"] == "/show/next"
    return response


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", b"a body")])
def test_an_included_part(server, deployment, method, body):
    response = ask(server, deployment, method, f"/{deployment}-show.shtml", body)
    assert response.status == 200 and response.text[0] + response.text[-1] == "[]"
    told = json.loads(response.text[1:-1])
    wanted = {
        "SERVER_PROTOCOL": "INCLUDED", "REQUEST_METHOD": "GET", "REQUEST_URI": f"/{deployment}-show.shtml",
        "SCRIPT_NAME": f"/{deployment}/show", "QUERY_STRING": "a=b", "read": "",
    }  # fmt: skip
    assert told | wanted == told


@pytest.mark.oracle_skip("a thread that has been in another interpreter may run the main one's requests there")
def test_a_part_of_an_application_in_the_middle_of_its_own_response(server, deployment):
    """Its thread is in Python already, in the same interpreter or in another one."""
    for part in config.deployments():
        mark = server.log.mark()
        response = ask(server, deployment, "GET", f"/page/{deployment}?/{part}/show")
        found = re.fullmatch(r"\{(.*)\}end", response.text)
        assert found and json.loads(found[1])["SCRIPT_NAME"] == f"/{part}/show"
        [inside] = server.log.records(f"inside of /{part}/show$", since=mark)
        assert "/part.py]" in inside.text


def test_a_part_that_fails(server, deployment):
    server.log.expect("unable to include")
    server.log.expect_exception("ValueError: a part on purpose")
    response = ask(server, deployment, "GET", f"/{deployment}-fail.shtml")
    assert response.status == 200 and "an error occurred" in response.text


@pytest.mark.differs("the page ends as if it were complete")
def test_a_part_that_breaks_off_breaks_off_the_page(server, deployment):
    server.log.expect_exception("ValueError: a part on purpose")
    with server.connect() as connection, pytest.raises(Truncated):
        connection.get(f"/{deployment}-halfway.shtml")


def test_rewritten(server, deployment):
    told = json.loads(ask(server, deployment, "GET", f"/rewritten/{deployment}/show/b?q").text)
    wanted = {
        "REQUEST_URI": f"/rewritten/{deployment}/show/b?q", "SCRIPT_NAME": f"/{deployment}", "PATH_INFO": "/show/b",
        "SEEN": "show/b", "QUERY_STRING": "q",
    }  # fmt: skip
    assert told | wanted == told


@pytest.mark.parametrize("place", ["embedded", "daemon"])
def test_rewritten_in_a_directory(server, place):
    """Which is an internal redirect, and keeps the body."""
    server.log.allow("inside of")
    told = json.loads(server.post(f"/short/{place}/x?q", b"a body").text)
    wanted = {
        "REQUEST_METHOD": "POST", "REQUEST_URI": f"/short/{place}/x?q", "SCRIPT_NAME": f"/{place}.wsgi",
        "PATH_INFO": "/show/x", "QUERY_STRING": "q", "REDIRECT_URL": f"/short/{place}/x", "REDIRECT_QUERY_STRING": "q",
        "REDIRECT_STATUS": "200", "REDIRECT_SHORT": "x", "CONTENT_LENGTH": "6", "read": "a body",
        "mod_wsgi.process_group": "site" if place == "daemon" else "",
    }  # fmt: skip
    assert told | wanted == told


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("POST", b"a body"), ("POST", b"x" * 300_000), ("HEAD", None)]
)
def test_an_error_document(server, deployment, method, body):
    """The body went with the request that failed."""
    response = ask(server, deployment, method, f"/missing/{deployment}/x?q=1", body)
    assert response.status == 200
    if method == "HEAD":
        return
    told = json.loads(response.text)
    wanted = {
        "REDIRECT_URL": f"/missing/{deployment}/x", "REDIRECT_QUERY_STRING": "q=1", "REDIRECT_STATUS": "404",
        "REDIRECT_REQUEST_METHOD": method, "REQUEST_METHOD": "GET", "REQUEST_URI": f"/missing/{deployment}/x?q=1",
        "SCRIPT_NAME": f"/{deployment}", "PATH_INFO": "/show/page", "QUERY_STRING": "of=error", "read": "",
    }  # fmt: skip
    assert told | wanted == told


def test_the_status_of_an_error_document(server, deployment):
    server.log.expect("AH01630: client denied by server configuration")
    response = ask(server, deployment, "GET", f"/denied/{deployment}/x")
    assert (response.status, response.reason, response.text) == (410, "Moved away", "page of the application")
    assert response.headers("WWW-Authenticate") == ["Nothing"]


def test_an_error_document_that_fails(server, mode):
    server.log.expect("AH01630: client denied by server configuration")
    server.log.expect_exception("ValueError: a part on purpose")
    with server.connect() as connection:
        response = connection.get(f"/broken/{mode}/x")
        assert response.status in (403, 500) and "page of the application" not in response.text


def test_the_index_of_a_folder(server):
    server.log.allow("inside of")
    told = json.loads(server.get("/index.wsgi/show").text)
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("/index.wsgi", "/show")
    server.log.expect_exception("KeyError: ''")
    assert server.get("/").status == 500


def test_every_request_has_a_number(server, deployment):
    """Before anything was logged of it, too."""
    told = [json.loads(ask(server, deployment, "GET", f"/{deployment}/show").text) for _ in range(2)]
    numbers = {each["mod_wsgi.request_id"] for each in told}
    assert len(numbers) == 2 and all(numbers)
