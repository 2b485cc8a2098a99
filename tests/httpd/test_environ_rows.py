"""The environ of an application (DD 5.5 to 5.8, 6; rows 32 to 39)."""

import json
import sys

import pytest

from harness import httpd_config as config
from http_client import request
from inline_client import run, target

SHOW = """
return report(start_response, {
    name: value if isinstance(value, (str, int, float, list, tuple, type(None))) else
    type(value).__module__ + "." + type(value).__name__ for name, value in environ.items()})
"""


def environ_of(server, deployment, method="GET", headers=None, data=None, **more):
    return json.loads(run(server, deployment, SHOW, method, headers, data, **more).text)


def show(server, path, method="GET", headers=None):
    """The environ by a script that is mounted at a path of its own."""
    response = server.request(method, path, headers)
    assert response.status == 200, response
    return json.loads(response.text)


def test_cgi_variables(site, deployment):
    got = environ_of(site, deployment, "POST", {"Content-Type": "text/x", "X-One": "1", "Host": "name.example"}, b"abc")
    path = f"/{deployment}/inline.py"
    expected = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": path, "PATH_INFO": "", "QUERY_STRING": "",
        "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "3", "HTTP_X_ONE": "1", "HTTP_HOST": "name.example",
        "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "name.example", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
        "SERVER_ADDR": "127.0.0.1", "SERVER_ADMIN": "root@localhost", "REQUEST_SCHEME": "http", "CONTEXT_PREFIX": "",
        "SCRIPT_FILENAME": str(config.APPS / "inline.py"), "DOCUMENT_ROOT": f"{site.folder}/htdocs",
        "CONTEXT_DOCUMENT_ROOT": f"{site.folder}/htdocs",
    }  # fmt: skip
    assert {name: got.get(name) for name in expected} == expected
    assert got["REMOTE_PORT"].isdigit() and got["REQUEST_URI"].startswith(f"{path}?")
    assert got["SERVER_SOFTWARE"].startswith("Apache")
    absent = (
        "PATH_TRANSLATED", "GATEWAY_INTERFACE", "REMOTE_HOST", "REMOTE_IDENT", "SERVER_SIGNATURE", "PATH",
        "LD_LIBRARY_PATH", "HTTP_PROXY", "HTTPS", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "REMOTE_USER", "AUTH_TYPE",
    )  # fmt: skip
    assert [name for name in absent if name in got] == []


def test_wsgi_keys(site, deployment):
    got = environ_of(site, deployment)
    expected = {
        "wsgi.version": [1, 0], "wsgi.url_scheme": "http", "wsgi.input": "mod_wsgi.Input",
        "wsgi.input_terminated": True, "wsgi.errors": "_io.TextIOWrapper", "wsgi.multithread": True,
        "wsgi.multiprocess": not deployment.daemon, "wsgi.run_once": False, "wsgi.file_wrapper": "builtins.type",
    }  # fmt: skip
    assert {name: got[name] for name in expected} == expected


def test_keys_of_the_module(site, deployment):
    got = environ_of(site, deployment)
    expected = {
        "mod_wsgi.process_group": deployment.process_group,
        "mod_wsgi.application_group": deployment.application_group,
        "mod_wsgi.callable_object": "application", "mod_wsgi.request_handler": "wsgi-script",
        "mod_wsgi.handler_script": "", "mod_wsgi.script_name": f"/{deployment}/inline.py", "mod_wsgi.path_info": "",
        "mod_wsgi.listener_port": str(site.port),
    }  # fmt: skip
    assert {name: got[name] for name in expected} == expected
    assert len(got["mod_wsgi.version"]) == len(got["apache.version"]) == 3 and got["mod_wsgi.version"][0] == 6
    assert int(got["mod_wsgi.server_pid"]) in site.children()
    assert isinstance(got["mod_wsgi.listener_host"], str) and isinstance(got["mod_wsgi.thread_id"], int)
    times = [got[f"mod_wsgi.{name}_start"] for name in ("request", "queue", "daemon", "application")]
    assert all(isinstance(time, float) for time in times)
    if deployment.daemon:
        assert times == sorted(times)
    else:
        assert times[1] == times[2] == 0.0 and times[0] <= times[3]
    assert not [name for name in got if name.startswith("mod_wsgi.x-")]
    assert "apache.request_rec" not in got and "mod_wsgi.mount_point" not in got


def test_types_are_exact(site, deployment):
    body = """
        flags = ("multithread", "multiprocess", "run_once", "input_terminated")
        exact = [type(environ["wsgi." + name]) is bool for name in flags]
        exact.append(type(environ["wsgi.version"]) is tuple)
        exact.append(type(environ) is dict)
        exact += [type(value) is str for name, value in environ.items() if name.isupper()]
        exact.append(environ["wsgi.file_wrapper"].__module__ == "mod_wsgi")
        return report(start_response, exact)
    """
    told = json.loads(run(site, deployment, body).text)
    assert len(told) > 20 and all(told)


def test_header_values_are_latin_1(site, deployment):
    assert environ_of(site, deployment, headers={"X-Latin": "caf\u00e9 \u00ff"})["HTTP_X_LATIN"] == "caf\u00e9 \u00ff"


def test_repeated_headers_are_joined(site, deployment):
    got = environ_of(site, deployment, headers=[("X-Many", "a"), ("X-Many", "b")])
    assert got["HTTP_X_MANY"] == "a, b"


@pytest.mark.parametrize("name", ["X_Under", "X.Dot", "X!Bang", "Content_Length"])
def test_row_34_headers_with_other_characters_vanish(site, deployment, name):
    got = environ_of(site, deployment, headers=[(name, "lost"), ("X-Kept", "kept")])
    assert "lost" not in got.values() and got["HTTP_X_KEPT"] == "kept"


def test_row_33_the_proxy_header_is_not_passed(site, deployment):
    assert "HTTP_PROXY" not in environ_of(site, deployment, headers={"Proxy": "http://evil.example"})


def test_authorization_is_not_passed_by_itself(site, deployment):
    got = environ_of(site, deployment, headers={"Authorization": "Basic eDp5", "Proxy-Authorization": "Basic eDp5"})
    assert "Basic eDp5" not in got.values()


MOUNTS = """
WSGIScriptAlias /{0}/plain "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/head-on "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/head-off "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/deflated "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/set "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/secure "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/passing "${{APPS}}/show_environ.py"
WSGIScriptAlias /{0}/apache "${{APPS}}/show_environ.py"
WSGIScriptAlias //{0}-slashy "${{APPS}}/show_environ.py"
{1}
<Location /{0}/head-on>
WSGIMapHEADToGET On
</Location>
<Location /{0}/head-off>
WSGIMapHEADToGET Off
SetOutputFilter DEFLATE
</Location>
<Location /{0}/deflated>
SetOutputFilter DEFLATE
</Location>
<Location /{0}/set>
SetEnv PATH /set
SetEnv HTTPS off
SetEnv MINE value
SetEnv EMPTY
</Location>
<Location /{0}/secure>
SetEnv HTTPS on
</Location>
<Location /{0}/passing>
WSGIPassAuthorization On
</Location>
<Location /{0}/apache>
WSGIPassApacheRequest On
</Location>
"""


@pytest.fixture(scope="module")
def mounts(httpd_module):
    text = "MergeSlashes Off\n"
    for each in config.deployments():
        text += MOUNTS.format(each, each.section(f"/{each}-slashy"))
    # Theirs come first, since the site takes all that is below a deployment.
    return httpd_module(text + config.site(), modules=("deflate",))


def test_row_32_path_and_https_are_never_there(mounts, deployment):
    got = show(mounts, f"/{deployment}/set")
    assert "PATH" not in got and "HTTPS" not in got and got["MINE"] == "value" and got["wsgi.url_scheme"] == "http"


def test_row_38_setenv_https_makes_the_scheme(mounts, deployment):
    got = show(mounts, f"/{deployment}/secure")
    assert got["wsgi.url_scheme"] == "https" and "HTTPS" not in got


def test_a_variable_without_a_value(mounts, deployment):
    assert show(mounts, f"/{deployment}/set")["EMPTY"] == ""


@pytest.mark.parametrize(
    ("mount", "method"), [("plain", "HEAD"), ("head-on", "GET"), ("head-off", "HEAD"), ("deflated", "GET")]
)
def test_row_37_head_is_mapped_where_a_filter_wants_the_body(mounts, deployment, mount, method):
    mark = mounts.log.mark()
    with mounts.connect() as connection:
        assert connection.request("HEAD", f"/{deployment}/{mount}?log").body == b""
    mounts.log.expect(f"method {method}$")
    mounts.log.wait_for(f"method {method}$", since=mark)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_other_methods_arrive_as_they_are(mounts, deployment, method):
    assert show(mounts, f"/{deployment}/plain", method)["REQUEST_METHOD"] == method


def test_pass_authorization(mounts, deployment):
    headers = {"Authorization": "Bearer x", "Proxy-Authorization": "Basic y"}
    got = show(mounts, f"/{deployment}/passing", headers=headers)
    assert got["HTTP_AUTHORIZATION"] == "Bearer x" and "Basic y" not in got.values()


@pytest.mark.only("embedded")
def test_pass_apache_request(mounts, deployment):
    assert show(mounts, f"/{deployment}/apache")["apache.request_rec"] == "builtins.PyCapsule"


@pytest.mark.only("daemon")
def test_pass_apache_request_is_for_embedded_mode(mounts, deployment):
    assert "apache.request_rec" not in show(mounts, f"/{deployment}/apache")


@pytest.mark.parametrize(
    ("path", "script", "info"),
    [
        ("plain", "plain", ""),
        ("plain/", "plain", "/"),
        ("plain/a/b", "plain", "/a/b"),
        ("plain//a///b//", "plain", "/a/b/"),
        ("/plain/a", "plain", "/a"),
        ("plain/a%20b%c3%a9", "plain", "/a b\u00c3\u00a9"),
        ("plain/a%00b", None, None),
    ],
)
def test_row_39_slashes_collapse(mounts, deployment, path, script, info):
    target = f"/{deployment}/{path}?q=%20"
    if script is None:
        mounts.log.allow("AH|invalid|%00")
        return assert_bad(mounts, target)
    got = show(mounts, target)
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == (f"/{deployment}/{script}", info)
    assert (got["REQUEST_URI"], got["QUERY_STRING"]) == (target, "q=%20")
    assert (got["mod_wsgi.script_name"], got["mod_wsgi.path_info"]) == (got["SCRIPT_NAME"], info)


def assert_bad(server, path):
    assert server.get(path).status in (400, 404)


def test_row_39_an_alias_that_begins_with_two_slashes(mounts, deployment):
    got = show(mounts, f"//{deployment}-slashy//x")
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == (f"/{deployment}-slashy", "/x")
    assert got["REQUEST_URI"] == f"//{deployment}-slashy//x"


def test_the_python_is_the_one_that_was_asked_for(site, deployment):
    body = """
        import sys
        return report(start_response, [list(sys.version_info[:3]), sys.prefix, sys.argv])
    """
    told = json.loads(run(site, deployment, body).text)
    assert told == [list(sys.version_info[:3]), sys.prefix, ["mod_wsgi"]]


def test_http_1_0(site, deployment):
    with site.connect() as connection:
        connection.send(request("GET", target(deployment, SHOW), version="HTTP/1.0", host=None))
        response = connection.response()
    got = json.loads(response.text)
    assert got["SERVER_PROTOCOL"] == "HTTP/1.0" and "HTTP_HOST" not in got and got["SERVER_NAME"] == "localhost"
