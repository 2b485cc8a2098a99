"""Access, authentication and authorisation by scripts (DD 5.11, 12.4; rows 33, 50 to 53)."""

import base64
import hashlib
import json
import re

import pytest

from harness import httpd_config as config

SCRIPT = '"${APPS}/auth.py"'

CONFIG = f"""
WSGIPythonPath "${{SHARED_APPS}}"
WSGIDaemonProcess site python-path="${{SHARED_APPS}}"
WSGIApplicationGroup %{{GLOBAL}}
<Location /basic>
AuthType Basic
AuthName "the realm"
AuthBasicProvider wsgi
WSGIAuthUserScript {SCRIPT}
Require valid-user
</Location>
<Location /digest>
AuthType Digest
AuthName "the realm"
AuthDigestProvider wsgi
WSGIAuthUserScript {SCRIPT} application-group=%{{GLOBAL}}
Require valid-user
</Location>
<Location /group>
AuthType Basic
AuthName "the realm"
AuthBasicProvider wsgi
WSGIAuthUserScript {SCRIPT}
WSGIAuthGroupScript {SCRIPT}
Require wsgi-group staff admins
</Location>
<Location /access>
WSGIAccessScript {SCRIPT}
</Location>
<Location /named>
WSGIAccessScript "${{APPS}}/auth_shows_group.py" application-group=of-its-own
</Location>
<Location /main>
WSGIAccessScript "${{APPS}}/auth_shows_group.py"
</Location>
<Location /no-script>
AuthType Basic
AuthName x
AuthBasicProvider wsgi
Require valid-user
</Location>
<Location /no-groups>
AuthType Basic
AuthName "the realm"
AuthBasicProvider wsgi
WSGIAuthUserScript {SCRIPT}
Require wsgi-group staff
</Location>
<Location /without-function>
AuthType Basic
AuthName x
AuthBasicProvider wsgi
WSGIAuthUserScript "${{APPS}}/hello.py"
Require valid-user
</Location>
<Location /access-without>
WSGIAccessScript "${{APPS}}/hello.py"
</Location>
"""
PLACES = ("basic", "digest", "group", "access", "named", "main", "no-script", "no-groups", "without-function",
          "access-without")  # fmt: skip


@pytest.fixture(scope="module")
def server(httpd_module):
    text = CONFIG
    for place in PLACES:
        text += f'WSGIScriptAlias /{place}/embedded "${{APPS}}/auth.py"\n'
        text += f'WSGIScriptAlias /{place}/daemon "${{APPS}}/auth.py" process-group=site\n'
    return httpd_module(text, modules=("auth_digest",))


@pytest.fixture(params=["embedded", "daemon"])
def where(request):
    return request.param


def basic(user, password="secret"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()}


def test_nobody_without_a_password(server, where):
    response = server.get(f"/basic/{where}")
    assert response.status == 401 and response.header("WWW-Authenticate").startswith('Basic realm="the realm"')


def test_basic(server, where):
    told = json.loads(server.get(f"/basic/{where}", basic("ada")).text)
    assert (told["REMOTE_USER"], told["AUTH_TYPE"]) == ("ada", "Basic") and "HTTP_AUTHORIZATION" not in told


@pytest.mark.parametrize(("user", "password"), [("ada", "wrong"), ("nobody", "secret")])
def test_basic_denied(server, where, user, password):
    server.log.allow("AH0161[78]")
    assert server.get(f"/basic/{where}", basic(user, password)).status == 401


def test_a_user_may_be_renamed(server, where):
    told = json.loads(server.get(f"/basic/{where}", basic("renamed")).text)
    assert told["REMOTE_USER"] == "somebody \u00c3\u00a9", "UTF-8 bytes, as WSGI text"


@pytest.mark.parametrize(("user", "code"), [("number", 177), ("zero", 177), ("empty", 176), ("bytes", 177), ("nul", 9004)])
def test_row_53_check_password_answers_with_a_truth_value(server, where, user, code):
    server.log.expect_code(code)
    server.log.allow("AH01618|AH|exception|must return")
    assert server.get(f"/basic/{where}", basic(user)).status == 500


def test_check_password_raises(server, where):
    server.log.expect_exception("ValueError: password on purpose")
    server.log.allow("AH")
    assert server.get(f"/basic/{where}", basic("raise")).status == 500


def test_a_name_that_is_no_text_is_nobodys(server, where):
    server.log.expect_exception("UnicodeEncodeError: ")
    server.log.allow("AH")
    assert server.get(f"/basic/{where}", basic("surrogate")).status == 500


@pytest.mark.parametrize(("place", "code"), [("no-script", 41), ("without-function", 43)])
def test_nothing_to_ask(server, where, place, code):
    server.log.expect_code(code)
    server.log.allow("AH")
    assert server.get(f"/{place}/{where}", basic("ada")).status == 500


def digest(server, path, user, password="secret"):
    challenge = server.get(path).header("WWW-Authenticate")
    realm, nonce = (re.search(rf'{name}="([^"]*)"', challenge)[1] for name in ("realm", "nonce"))

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()

    answer = md5(f"{md5(f'{user}:{realm}:{password}')}:{nonce}:00000001:c:auth:{md5(f'GET:{path}')}")
    return {
        "Authorization": f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{path}", qop=auth, '
        f'nc=00000001, cnonce="c", response="{answer}", algorithm=MD5'
    }


@pytest.mark.parametrize("user", ["ada", "bytes"])
def test_digest(server, where, user):
    path = f"/digest/{where}"
    response = server.get(path, digest(server, path, user))
    assert response.status == 200
    told = json.loads(response.text)
    assert (told["REMOTE_USER"], told["AUTH_TYPE"]) == (user, "Digest")


@pytest.mark.parametrize(("user", "password", "status", "code"), [
    ("ada", "wrong", 401, None), ("nobody", "secret", 401, None), ("empty", "secret", 500, 178),
    ("number", "secret", 500, 179), ("nul", "secret", 500, 9005),
])  # fmt: skip
def test_digest_denied(server, where, user, password, status, code):
    if code:
        server.log.expect_code(code)
    server.log.allow("AH")
    path = f"/digest/{where}"
    assert server.get(path, digest(server, path, user, password)).status == status


@pytest.mark.parametrize("user", ["member", "tuple"])
def test_row_51_groups_are_compared_without_case(server, where, user):
    assert server.get(f"/group/{where}", basic(user)).status == 200


@pytest.mark.parametrize(
    ("user", "code"), [("other", 60), ("lonely", 59), ("digit", 51), ("item", 50), ("wide", 49), ("broken", 174)]
)
def test_row_52_who_is_in_no_group_gets_401(server, where, user, code):
    server.log.expect_code(code)
    server.log.allow("AH")
    server.log.allow_exception("ValueError: groups on purpose|UnicodeEncodeError: |TypeError: ")
    server.log.allow("WSGI0059|WSGI0060|WSGI0058")
    response = server.get(f"/group/{where}", basic(user))
    assert response.status == 401


def test_groups_without_a_script(server, where):
    server.log.expect("WSGI0047: |WSGI0058: ")
    server.log.allow("AH|WSGI0058|WSGI0059")
    assert server.get(f"/no-groups/{where}", basic("member")).status == 401


@pytest.mark.parametrize(("word", "status"), [("yes", 200), ("pass", 200), ("no", 403)])
def test_access(server, where, word, status):
    server.log.expect("access from 127.0.0.1")
    if status == 403:
        server.log.expect_code(57, "Client denied by server configuration:")
    assert server.get(f"/access/{where}", {"X-Access": word}).status == status


@pytest.mark.parametrize("word", ["number", "text"])
def test_access_answers_with_a_truth_value(server, where, word):
    server.log.expect("access from 127.0.0.1")
    server.log.expect_code(55, "must be a boolean or None.")
    server.log.allow("WSGI0057")
    assert server.get(f"/access/{where}", {"X-Access": word}).status == 403


def test_access_raises(server, where):
    server.log.expect("access from 127.0.0.1")
    server.log.expect_exception("ValueError: access on purpose")
    server.log.allow("WSGI0057")
    assert server.get(f"/access/{where}", {"X-Access": "raise"}).status == 403


def test_access_without_a_function(server, where):
    server.log.expect_code(56, "does not provide 'allow_access' callable.")
    server.log.allow("WSGI0057")
    assert server.get(f"/access-without/{where}").status == 403


def test_row_50_auth_scripts_run_in_the_main_interpreter(server, where):
    server.log.expect("access group=''")
    server.log.allow("access keys")
    assert server.get(f"/main/{where}").status == 200


def test_an_auth_script_in_a_group_of_its_own(server, where):
    server.log.expect("access group='of-its-own'")
    server.log.allow("access keys")
    assert server.get(f"/named/{where}").status == 200


@pytest.mark.differs("row 33: HTTP_PROXY is in the environ of these scripts")
def test_row_33_the_proxy_header_is_not_passed_to_auth_scripts(server, where):
    server.log.expect("access from 127.0.0.1")
    mark = server.log.mark()
    server.get(f"/access/{where}", {"Proxy": "http://evil.example"})
    server.log.wait_for("access from", since=mark)
    assert not server.log.search("with PROXY", since=mark)


def test_the_environ_of_auth_scripts(server):
    server.log.expect("access keys ")
    server.log.allow("access group")
    mark = server.log.mark()
    assert server.get("/main/embedded?a=1", {"X-One": "1", "Authorization": "Basic x"}).status == 200
    record = server.log.wait_record("access keys ", since=mark)
    keys = set(record.text.partition("access keys ")[2].split())
    expected = (
        "HTTP_X_ONE SERVER_SIGNATURE SERVER_SOFTWARE SERVER_NAME SERVER_ADDR SERVER_PORT SERVER_ADMIN SERVER_PROTOCOL "
        "REMOTE_ADDR REMOTE_PORT DOCUMENT_ROOT REQUEST_METHOD QUERY_STRING REQUEST_URI SCRIPT_NAME PATH_INFO "
        "apache.version mod_wsgi.version mod_wsgi.process_group mod_wsgi.application_group wsgi.errors"
    )
    assert set(expected.split()) <= keys
    assert not {"HTTP_AUTHORIZATION", "wsgi.input", "SCRIPT_FILENAME", "REMOTE_HOST"} & keys


def test_the_application_may_share_the_file_of_its_access_script(server):
    server.log.expect("access from")
    assert server.get("/access/embedded").status == 200
    assert config.APPS.joinpath("auth.py").exists()


ALIASES = f"""
<AuthnProviderAlias wsgi people>
WSGIAuthUserScript {SCRIPT}
</AuthnProviderAlias>
<AuthzProviderAlias wsgi-group crew "staff admins">
WSGIAuthGroupScript {SCRIPT}
</AuthzProviderAlias>
<Location />
AuthType Basic
AuthName "the realm"
AuthBasicProvider people
Require crew
</Location>
WSGIScriptAlias / "${{APPS}}/hello.py"
"""


def test_scripts_of_provider_aliases(httpd):
    server = httpd(ALIASES)
    server.log.expect_code(60)
    server.log.allow("AH")
    assert [server.get("/", basic(user)).status for user in ("member", "other")] == [200, 401]
