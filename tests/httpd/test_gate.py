"""Which requests reach an application (DD 5.1 to 5.4; rows 28, 40, 41, 47, 48, 51)."""

import json
import os

import pytest

from harness import httpd_config as config
from http_client import request


CONFIG = """
WSGIDaemonProcess site threads=4 python-path="${SHARED_APPS}"
WSGIDaemonProcess Other threads=2 python-path="${SHARED_APPS}"
WSGIPythonPath "${SHARED_APPS}"
WSGIApplicationGroup %{GLOBAL}
Define SHOW "${APPS}/show_environ.py"

# A matching Alias wins, wherever it stands.
WSGIScriptAlias /static/app ${SHOW}
Alias /static "${FOLDER}/htdocs"
# The first alias that matches wins.
WSGIScriptAlias /first/deep ${SHOW} callable-object=application
WSGIScriptAlias /first "${APPS}/hello.py"
WSGIScriptAlias /first/late "${APPS}/nowhere.py"
WSGIScriptAlias /dir/ "${APPS}/"
WSGIScriptAlias /app ${SHOW}
WSGIScriptAlias "/with space" ${SHOW}
WSGIScriptAliasMatch ^/match/(\\w+) "${APPS}/$1.py"
WSGIScriptAliasMatch middle ${SHOW}
WSGIScriptAlias /missing "${APPS}/missing.py"
WSGIScriptAlias /folder "${APPS}"
WSGIScriptAlias /no-info ${SHOW}
WSGIScriptAlias /options ${SHOW} process-group=site application-group=named pass-authorization=On
WSGIScriptAlias /restricted ${SHOW} process-group=Other
WSGIScriptAlias /unknown ${SHOW} process-group=nowhere
WSGIScriptAlias /limited ${SHOW}
WSGIScriptAlias /nothing-allowed ${SHOW}
WSGIScriptAlias /by-default ${SHOW}
WSGIScriptAlias /server ${SHOW} application-group=%{SERVER}
WSGIScriptAlias /host ${SHOW} application-group=%{HOST}
WSGIScriptAlias /resource ${SHOW} application-group=%{RESOURCE}
WSGIScriptAlias /variable ${SHOW} application-group=%{ENV:WHICH}
WSGIScriptAlias /unset ${SHOW} application-group=%{ENV:NOT_SET}
WSGIScriptAlias /strange ${SHOW} application-group=%{NONSENSE}
WSGIScriptAlias /again ${SHOW} application-group=%{ENV:AGAIN}
WSGIScriptAlias /callable "${APPS}/callables.py" callable-object=other
<Location /folder>
DirectorySlash Off
</Location>
<Location /no-info>
AcceptPathInfo Off
</Location>
<Location /restricted>
WSGIRestrictProcess site %{GLOBAL}
</Location>
<Location /allowed>
WSGIRestrictProcess OTHER
</Location>
WSGIScriptAlias /allowed ${SHOW} process-group=Other
<Location /nothing-allowed>
WSGIRestrictProcess
</Location>
<Location /limited>
LimitRequestBody 10
</Location>
<Location /variable>
SetEnv WHICH from-the-environment
</Location>
<Location /again>
SetEnv AGAIN %{GLOBAL}
</Location>
<Directory "${FOLDER}/htdocs">
AddHandler wsgi-script .py
<Files "exec.py">
Options +ExecCGI
</Files>
<Files "old.py">
Options +ExecCGI
SetHandler application/x-httpd-wsgi
</Files>
<Files "handled.txt">
SetHandler own-handler
</Files>
</Directory>
WSGIHandlerScript own-handler "${APPS}/handler_script.py" process-group=site application-group=%{GLOBAL}
"""


@pytest.fixture(scope="module")
def server(httpd_module):
    server = httpd_module(CONFIG)
    hello = (config.APPS / "hello.py").read_text()
    for name in ("exec.py", "old.py", "no_exec.py"):
        (server.folder / "htdocs" / name).write_text(hello)
    (server.folder / "htdocs" / "handled.txt").write_text("the resource\n")
    (server.folder / "htdocs" / "app").write_text("static\n")
    return server


def show(server, path, headers=None):
    response = server.get(path, headers)
    assert response.status == 200, response
    return json.loads(response.text)


def test_row_40_an_alias_of_the_parent_wins(server):
    assert server.get("/static/app").text == "static\n"


def test_row_41_the_first_alias_that_matches_wins(server):
    assert show(server, "/first/deep/x")["SCRIPT_NAME"] == "/first/deep"
    assert server.get("/first").text == "hello\n"
    assert server.get("/first/late").text == "hello\n"


@pytest.mark.parametrize(
    ("path", "script", "info"),
    [
        ("/app", "/app", ""), ("/app/", "/app", "/"), ("/app/x", "/app", "/x"),
        ("/with%20space/x", "/with space", "/x"), ("/dir/show_environ.py/x", "/dir/show_environ.py", "/x"),
        ("/match/show_environ/x", "/match/show_environ", "/x"), ("/a/middle/x", "/a/middle", "/x"),
    ],
)  # fmt: skip
def test_what_an_alias_matches(server, path, script, info):
    got = show(server, path)
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == (script, info)


@pytest.mark.parametrize("path", ["/appx", "/dirx", "/APP", "/match/", "/Middl"])
def test_what_an_alias_does_not_match(server, path):
    assert server.get(path).status == 404


@pytest.mark.parametrize(
    ("path", "status", "code", "words"),
    [
        ("/no_exec.py", 403, 134, "Options ExecCGI is off in this directory."),
        ("/missing", 404, 135, "Target WSGI script not found or unable to stat."),
        ("/dir/nowhere.py", 404, 135, "Target WSGI script not found or unable to stat."),
        ("/folder", 403, 136, "Attempt to invoke directory as WSGI application."),
        ("/no-info/x", 404, 137, "AcceptPathInfo off disallows user's path."),
        ("/restricted", 500, 149, "cannot be accessed by this WSGI application as not a member of allowed groups."),
        ("/nothing-allowed", 500, 149, "as not a member of allowed groups."),
        ("/unknown", 500, 151, "No WSGI daemon process called 'nowhere' has been configured."),
    ],
)
def test_refused_with_a_code(server, path, status, code, words):
    server.log.expect(rf"\[client 127.0.0.1:\d+\] \[script [^\]]+\] WSGI{code:04}: .*{words}")
    assert server.get(path).status == status


def test_the_codes_name_the_script(server):
    server.log.expect(rf"\[script {config.APPS}/missing.py\] WSGI0135: Target")
    server.get("/missing")


def test_executable_scripts(server):
    assert server.get("/exec.py").text == "hello\n"
    assert server.get("/old.py").text == "hello\n"


def test_a_handler_script(server):
    told = show(server, "/handled.txt")
    assert told["handler"] == "own-handler" and told["callable"] == "handle_request"
    assert told["script"] == str(config.APPS / "handler_script.py")
    assert told["group"] == "site" and told["resource"] == str(server.folder / "htdocs" / "handled.txt")


def test_row_51_restrict_process_ignores_case(server):
    assert show(server, "/allowed")["mod_wsgi.process_group"] == "Other"


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("Content-Length: ten", 400, 141), ("Content-Length: -1", 400, 141), ("Transfer-Encoding: gzip", 501, 138)],
)
def test_framing_that_is_wrong(server, header, status, code):
    """Refused by httpd itself in most of its versions, by the gate in the others."""
    server.log.allow(rf"WSGI{code:04}: |AH")
    with server.connect() as connection:
        connection.send(f"POST /app HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n".encode())
        assert connection.response_head().status in (status, 400, 501)


def test_a_body_beyond_the_limit(server):
    server.log.allow("AH")
    with server.connect() as connection:
        connection.try_send(request("POST", "/limited", {"Connection": "close"}, b"x" * 11))
        assert connection.response_head().status == 413
    assert server.post("/limited", b"x" * 10).status == 200


def test_options_of_an_alias(server):
    got = show(server, "/options", {"Authorization": "Bearer x"})
    assert (got["mod_wsgi.process_group"], got["mod_wsgi.application_group"]) == ("site", "named")
    assert got["HTTP_AUTHORIZATION"] == "Bearer x"


def test_callables(server):
    assert server.get("/callable").text == "other callable"


@pytest.mark.parametrize(
    ("path", "headers", "group"),
    [
        ("/server/x", {"Host": "other:80"}, "localhost"),
        ("/server/x", {"Host": "other:{port}"}, "localhost:{port}"),
        ("/host", {"Host": "Other.example"}, "other.example"),
        ("/host", {"Host": "other:443"}, "other"),
        ("/host", {"Host": "other:{port}"}, "other:{port}"),
        ("/resource/x", {"Host": "a"}, "localhost|/resource"),
        ("/resource//x", {"Host": "a"}, "localhost|/resource"),
        ("/variable", {}, "from-the-environment"),
        ("/strange", {}, "%{NONSENSE}"),
        ("/again", {}, ""),
        ("/app", {}, ""),
    ],
)
def test_how_groups_are_named(server, path, headers, group):
    port = str(server.port)
    told = show(server, path, {name: value.replace("{port}", port) for name, value in headers.items()})
    assert told["mod_wsgi.application_group"] == group.replace("{port}", port)


@pytest.mark.differs("a port of the client's making is another interpreter")
def test_row_47_ports_that_clients_make_up_name_no_interpreters(server):
    headers = [{"Host": f"a:{port}"} for port in (1, 2, server.port)]
    names = [show(server, "/resource", each)["mod_wsgi.application_group"] for each in headers]
    assert names == [f"localhost:{server.port}|/resource"] * 3


def test_row_48_a_variable_that_is_not_set_is_taken_literally(server):
    assert show(server, "/unset")["mod_wsgi.application_group"] == "%{ENV:NOT_SET}"


SETTER = """
import os

def application(environ, start_response):
    group = environ["mod_wsgi.application_group"].encode("latin-1")
    os.environ["INHERITED"] = os.environ["LATER"] = "changed"
    start_response("200 OK", [])
    return [group]
"""


@pytest.mark.differs("what applications do to the environment changes where requests run")
def test_variables_are_those_that_httpd_was_started_with(httpd):
    server = httpd(
        'WSGIScriptAlias /inherited "${FOLDER}/scripts/setter.py" application-group=%{ENV:INHERITED}\n'
        'WSGIScriptAlias /later "${FOLDER}/scripts/setter.py" application-group=%{ENV:LATER}\n',
        scripts={"setter.py": SETTER},
        env={"INHERITED": "from-the-start"},
    )
    said = [[server.get(path).text for path in ("/inherited", "/later")] for _ in range(2)]
    assert said == [["from-the-start", "%{ENV:LATER}"]] * 2


HOSTS = """
WSGIScriptAlias /shared "${APPS}/hello.py"
WSGIApplicationGroup %{GLOBAL}
WSGIPythonPath "${SHARED_APPS}"
WSGIDaemonProcess main-group python-path="${SHARED_APPS}"
<VirtualHost *:${PORT}>
ServerName first
WSGIDaemonProcess first-group python-path="${SHARED_APPS}"
WSGIScriptAlias /shared/x "${APPS}/show_environ.py"
WSGIScriptAlias /own "${APPS}/show_environ.py" process-group=first-group
WSGIScriptAlias /main "${APPS}/show_environ.py" process-group=main-group
</VirtualHost>
<VirtualHost *:${PORT}>
ServerName second
WSGIScriptAlias /theirs "${APPS}/show_environ.py" process-group=first-group
WSGIApplicationGroup of-second
WSGIScriptAlias /mine "${APPS}/show_environ.py"
</VirtualHost>
"""


@pytest.fixture(scope="module")
def hosts(httpd_module):
    return httpd_module(HOSTS)


def test_row_41_aliases_of_the_virtual_host_come_first(hosts):
    assert show(hosts, "/shared/x", {"Host": "first"})["SCRIPT_NAME"] == "/shared/x"
    assert hosts.get("/shared/x", {"Host": "second"}).text == "hello\n"


def test_a_group_serves_its_own_host_and_the_main_one_all(hosts):
    for path, group in (("/own", "first-group"), ("/main", "main-group")):
        assert show(hosts, path, {"Host": "first"})["mod_wsgi.process_group"] == group
    hosts.log.expect_code(152, "cannot be accessed by this WSGI application.")
    assert hosts.get("/theirs", {"Host": "second"}).status == 500


def test_a_value_of_the_virtual_host_wins(hosts):
    assert show(hosts, "/mine", {"Host": "second"})["mod_wsgi.application_group"] == "of-second"
    assert show(hosts, "/shared/x", {"Host": "first"})["mod_wsgi.application_group"] == ""


@pytest.mark.differs("row 42: 404 embedded, 500 in a daemon")
def test_row_42_a_missing_callable_is_500_in_both_modes(httpd):
    text = 'WSGIScriptAlias /e "${APPS}/callables.py" callable-object=nothing\nWSGIDaemonProcess g\n'
    text += 'WSGIScriptAlias /d "${APPS}/callables.py" callable-object=nothing process-group=g\n'
    server = httpd(text)
    server.log.expect_code(89, "does not contain WSGI application 'nothing'.")
    assert [server.get(path).status for path in ("/e", "/d")] == [500, 500]


def test_without_any_group(httpd):
    server = httpd('WSGIScriptAlias /x "${APPS}/hello.py"\nWSGIProcessGroup g\n')
    server.log.expect_code(150, "No WSGI daemon process called 'g' has been configured.")
    assert server.get("/x").status == 500


RESTRICTED = """
WSGIRestrictEmbedded On
WSGIDaemonProcess g
WSGIScriptAlias /embedded "${APPS}/hello.py"
WSGIScriptAlias /daemon "${APPS}/hello.py" process-group=g application-group=%{GLOBAL}
<Directory "${FOLDER}/htdocs/protected">
AllowOverride AuthConfig
</Directory>
"""


def test_restrict_embedded(httpd):
    server = httpd(RESTRICTED)
    assert server.get("/daemon").text == "hello\n"
    server.log.expect_code(143, "Embedded mode of mod_wsgi disabled by runtime configuration.")
    assert server.get("/embedded").status == 500
    assert not server.log.search("Initializing Python runtime in embedded mode")


@pytest.mark.differs("row 65: the child crashes")
def test_row_65_an_auth_script_of_htaccess_without_python_is_refused(httpd):
    server = httpd(RESTRICTED)
    folder = server.folder / "htdocs" / "protected"
    folder.mkdir()
    (folder / ".htaccess").write_text(f"WSGIAccessScript {config.APPS}/hello.py\n")
    (folder / "page.txt").write_text("page")
    os.chmod(folder, 0o755)
    before = server.children()
    server.log.allow("WSGI0|AH")
    assert server.get("/protected/page.txt").status in (403, 500)
    assert server.children() == before and not server.log.search("AH00052")
