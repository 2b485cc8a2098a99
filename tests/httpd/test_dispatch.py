"""`WSGIDispatchScript` (DD 5.10; rows 49, 50, 57)."""

import json
import os

import pytest

CONFIG = """
WSGIPythonPath "${SHARED_APPS}"
WSGIDaemonProcess site python-path="${SHARED_APPS}"
WSGIApplicationGroup static
WSGIRestrictProcess site %{GLOBAL}
WSGIScriptAlias /show "${APPS}/show_environ.py"
WSGIScriptAlias /callables "${APPS}/callables.py"
WSGIScriptAlias /aliased "${APPS}/show_environ.py" process-group=site application-group=by-alias
WSGIScriptAlias /missing "${APPS}/show_environ.py"
WSGIScriptAlias /failing "${APPS}/show_environ.py"
WSGIScriptAlias /some "${APPS}/show_environ.py"
WSGIDispatchScript "${APPS}/dispatch.py"
<Location /missing>
WSGIDispatchScript "${APPS}/nowhere.py"
</Location>
<Location /failing>
WSGIDispatchScript "${FOLDER}/scripts/failing.py"
</Location>
<Location /some>
WSGIDispatchScript "${FOLDER}/scripts/some.py" application-group=of-dispatch
</Location>
"""

FAILING = "raise ValueError('import on purpose')\n"
SOME = "def application_group(environ):\n    return environ['mod_wsgi.application_group'] + '+'\n"


@pytest.fixture(scope="module")
def server(httpd_module):
    return httpd_module(CONFIG, scripts={"failing.py": FAILING, "some.py": SOME})


def groups(server, path="/show", **headers):
    named = {"X-" + name: value for name, value in headers.items()}
    response = server.get(path, named)
    assert response.status == 200, response
    got = json.loads(response.text)
    return got["mod_wsgi.process_group"], got["mod_wsgi.application_group"]


def test_none_keeps_what_is_configured(server):
    assert groups(server) == ("", "static")
    assert groups(server, "/aliased") == ("site", "by-alias")


def test_what_it_returns_wins(server):
    assert groups(server, Process="site", Application="%{GLOBAL}") == ("site", "")
    assert groups(server, "/aliased", Process="%{GLOBAL}", Application="test-subinterp") == ("", "test-subinterp")
    assert groups(server, Application="%{SERVER}", Process="site") == ("site", "localhost")


def test_bytes_are_names_too(server):
    assert groups(server, Application="bytes") == ("", "by-bytes")


def test_the_callable(server):
    assert server.get("/callables", {"X-Callable": "other"}).text == "other callable"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("X-Process", "Process group must be a byte string"),
        ("X-Application", "Application group must be a string object"),
        ("X-Callable", "Callable object must be a string object"),
    ],
)
def test_anything_else_is_an_error(server, header, words):
    server.log.expect_exception(f"TypeError: {words}")
    assert server.get("/show", {header: "number"}).status == 500


@pytest.mark.parametrize("header", ["X-Process", "X-Application", "X-Callable"])
def test_names_are_latin_1(server, header):
    server.log.expect("containing non 'latin-1' characters found")
    server.log.allow("WSGI0174|Traceback|Unicode|TypeError|cause|^\\S* ?$|\\[wsgi:error\\]")
    assert server.get("/show", {header: "wide"}).status == 500


@pytest.mark.differs("it is a name like others")
@pytest.mark.parametrize("process", ["%{GLOBAL}", "site"])
@pytest.mark.parametrize(
    ("header", "what"), [("X-Application", "application group"), ("X-Callable", "callable object")]
)
def test_bytes_that_are_no_utf_8_are_no_name(server, process, header, what):
    """In Python all such names would be one."""
    server.log.expect(rf"WSGI9003: Name of {what} 'caf.+' is not UTF-8\.")
    assert server.get("/show", {header: "caf\xe9", "X-Process": process}).status == 500
    assert groups(server, Process=process, Application="caf\xc3\xa9")[1] == "caf\xc3\xa9"


@pytest.mark.parametrize("header", ["X-Process", "X-Application", "X-Callable"])
def test_row_49_an_exception_is_500(server, header):
    server.log.expect_exception("ValueError: dispatch on purpose")
    assert server.get("/show", {header: "raise"}).status == 500


@pytest.mark.differs("row 49: the request goes on as configured")
@pytest.mark.parametrize("path", ["/missing", "/failing"])
def test_row_49_a_script_that_cannot_be_loaded_is_500(server, path):
    server.log.expect("WSGI0105: |WSGI0109: ")
    server.log.allow("\\[wsgi:error\\]")
    assert server.get(path).status == 500


def test_restrict_process_is_checked_after_it(server):
    server.log.expect_code(149)
    assert server.get("/show", {"X-Process": "elsewhere"}).status == 500


def test_row_50_it_runs_in_the_main_interpreter(server):
    server.log.expect("dispatch group=''")
    server.log.expect("dispatch keys")
    mark = server.log.mark()
    server.get("/show?tell")
    keys = server.log.wait_record("dispatch keys", since=mark).text.split()
    assert "mod_wsgi.process_group" in keys and "wsgi.errors" in keys
    assert "wsgi.input" not in keys and "wsgi.version" not in keys and "mod_wsgi.callable_object" not in keys


def test_in_a_group_of_its_own_with_one_function(server):
    assert groups(server, "/some") == ("", "of-dispatch+")


def test_row_57_it_is_reloaded_in_place(server):
    script = server.script("some.py")
    assert groups(server, "/some") == ("", "of-dispatch+")
    script.write_text(SOME.replace("'+'", "'-'") + "def reload_required(resource):\n    1 / 0\n")
    os.utime(script, (1, 1))
    for _ in range(3):
        assert groups(server, "/some") == ("", "of-dispatch-")
