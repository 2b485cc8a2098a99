"""Requests that httpd makes of others: internal redirects, error documents, included parts (DD 5.5, 6.1)."""

import json

import pytest

from harness import httpd_config as config
from http_client import chunked, request

#: Says what it was asked for, or does what its path says.
PART = r"""
import json, sys

def application(environ, start_response):
    info = environ["PATH_INFO"]
    if info == "/raise":
        raise ValueError("a part on purpose")
    if info == "/halfway":
        start_response("200 OK", [])
        return halfway()
    if info == "/page":
        body = b'{<!--#include virtual="' + environ["QUERY_STRING"].encode() + b'" -->}'
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body]
    if info == "/status":
        start_response(environ["QUERY_STRING"].replace("+", " "), [("X-Part", "yes")])
        return [b"page of the application"]
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    shown["read"] = environ["wsgi.input"].read().decode("latin-1")
    print("part of", environ["REQUEST_URI"])
    start_response(environ.get("STATUS_TO_SEND", "200 OK"), [("Content-Type", "text/plain"), ("X-Part", "yes")])
    return [json.dumps(shown).encode()]

def halfway():
    yield b"half"
    raise ValueError("a part on purpose")
"""

CONFIG = config.interpreters() + r"""
WSGIDaemonProcess site threads=6
WSGIChunkedRequest On
RewriteEngine On
<Directory "${FOLDER}/htdocs">
Options +Includes +ExecCGI
AddOutputFilter INCLUDES .shtml
AddHandler wsgi-script .wsgi
</Directory>
"""
for each in config.deployments():
    CONFIG += f"""
WSGIScriptAlias /{each} "${{FOLDER}}/scripts/part.py"
{each.section(f"/{each}")}
<Location /{each}/page>
SetOutputFilter INCLUDES
Options +Includes
</Location>
RewriteRule ^/rewritten/{each}/(.*) /{each}/$1 [PT,E=SEEN:$1]
<Location /missing/{each}>
ErrorDocument 404 /{each}/as-document?of=error
</Location>
<Location /denied/{each}>
Require all denied
ErrorDocument 403 /{each}/status?410+Moved+away
</Location>
<Location /broken/{each}>
Require all denied
ErrorDocument 403 /{each}/raise
</Location>
"""


@pytest.fixture(scope="module")
def server(httpd_module):
    server = httpd_module(CONFIG, modules=("include",), scripts={"part.py": PART})
    htdocs = server.folder / "htdocs"
    for each in config.deployments():
        for name in ("show", "raise", "halfway"):
            (htdocs / f"{each}-{name}.shtml").write_text(f'[<!--#include virtual="/{each}/{name}?a=b" -->]')
    return server


def test_probe(server, deployment):
    server.log.allow(".")
    d = deployment
    for method, target, body in [
        ("GET", f"/{d}-show.shtml", None),
        ("POST", f"/{d}-show.shtml", b"body"),
        ("GET", f"/{d}-raise.shtml", None),
        ("GET", f"/{d}-halfway.shtml", None),
        ("GET", f"/{d}/page?/{d}/show", None),
        ("GET", f"/rewritten/{d}/a/b?q", None),
        ("GET", f"/missing/{d}/x?q=1", None),
        ("POST", f"/missing/{d}/x?q=1", b"bodybody"),
        ("GET", f"/denied/{d}/x?q=1", None),
        ("GET", f"/broken/{d}/x?q=1", None),
        ("HEAD", f"/missing/{d}/x?q=1", None),
    ]:
        with server.connect() as c:
            try:
                c.send(request(method, target, None, body)+request("GET", f"/{d}/show?next"))
                r = c.response(method)
                print("#", method, target, "->", r.status, r.reason, r.fields, r.body.decode()[:3000])
                r = c.response()
                print("   next", r.status, json.loads(r.body)["QUERY_STRING"])
            except Exception as e:
                print("!", method, target, repr(e), getattr(e,'partial',b''))
    assert 0
