"""Where each directive may stand (DD 1.1): `httpd -t` says so, and `.htaccess` by what a request gets."""

import re

import pytest

from directive_table import ANYWHERE, DIRECTIVES, FLAGS, GLOBAL, SECTION, SERVER

VHOST = "<VirtualHost 127.0.0.1:9>\nServerName other\n{}\n</VirtualHost>"
DIRECTORY = "<Directory /srv>\n{}\n</Directory>"
LOCATION = "<Location /x>\n{}\n</Location>"

#: The words are httpd's and differ between its versions.
NOT_HERE = r"{}>? not allowed (here|in <\w+> context)"

every = pytest.mark.parametrize("directive", DIRECTIVES, ids=str)


def test_there_are_forty_nine():
    assert len(DIRECTIVES) == 49


@every
def test_in_the_main_server(syntax, directive):
    said = syntax(directive.line)
    if directive.context == SECTION:
        assert re.search(NOT_HERE.format(directive.name), said)
    else:
        assert "Syntax OK" in said


@every
def test_in_a_virtual_host(syntax, directive):
    said = syntax(VHOST.format(directive.line))
    if directive.context == GLOBAL:
        name = f"<{directive}>" if directive.name.startswith("<") else directive.name
        assert f"{name} cannot occur within <VirtualHost> section" in said
    elif directive.context == SECTION:
        assert re.search(NOT_HERE.format(directive.name), said)
    else:
        assert "Syntax OK" in said


@every
@pytest.mark.parametrize("section", [DIRECTORY, LOCATION], ids=["directory", "location"])
def test_in_a_section(syntax, directive, section):
    said = syntax(section.format(directive.line))
    if directive.context in (ANYWHERE, SECTION):
        assert "Syntax OK" in said
    else:
        assert re.search(NOT_HERE.format(directive.name), said)


@pytest.mark.parametrize("directive", FLAGS, ids=str)
def test_a_flag_is_on_or_off_and_nothing_else(syntax, directive):
    form = DIRECTORY if directive.context == SECTION else "{}"
    for right in ("on", "ON", "off", "OFF"):
        assert "Syntax OK" in syntax(form.format(f"{directive.name} {right}"))
    expected = "Off | On | Auto" if directive.name == "WSGIMapHEADToGET" else "Off | On"
    for wrong in ("yes", "1", "true", "On."):
        assert f"{directive.name} must be one of: {expected}" in syntax(form.format(f"{directive.name} {wrong}"))


#: Takes no word and any number of them.
LINES = {
    "WSGIScriptAlias", "WSGIScriptAliasMatch", "WSGIDaemonProcess", "WSGIRestrictProcess", "WSGIImportScript",
    "WSGIDispatchScript", "WSGITrustedProxyHeaders", "WSGITrustedProxies", "WSGIAccessScript", "WSGIAuthUserScript",
    "WSGIAuthGroupScript", "WSGIHandlerScript", "WSGITelemetryOptions", "<WSGIInterpreterOptions",
}  # fmt: skip


@pytest.mark.parametrize("directive", [each for each in DIRECTIVES if each.name not in LINES], ids=str)
def test_one_word_and_no_other(syntax, directive):
    form = DIRECTORY if directive.context == SECTION else "{}"
    most = 2 if directive.name == "WSGITelemetryService" else 1
    message = f"{directive.name} takes {'1-2 arguments' if most == 2 else 'one argument'}"
    for words in ("", " ".join("abc"[: most + 1])):
        assert message in syntax(form.format(f"{directive.name} {words}"))


@pytest.mark.parametrize(
    "name", ["WSGILazyInitialization", "WSGINewRelicConfigFile", "WSGINewRelicEnvironment", "WSGIReloadMechanism"]
)
def test_what_6_removed_is_an_unknown_command(syntax, name):
    assert f"Invalid command '{name}'" in syntax(f"{name} On")


def test_the_module_is_there_by_its_old_names(syntax):
    for name in ("mod_wsgi.c", "wsgi_module"):
        assert "Invalid command 'Nonsense'" in syntax(f"<IfModule {name}>\nNonsense\n</IfModule>")


@pytest.fixture(scope="module")
def with_htaccess(httpd_module):
    """`${FOLDER}/htdocs/CLASS/NAME/`, where a `.htaccess` has one directive and its class may be overridden."""
    text = 'WSGIDaemonProcess g\nWSGIScriptAlias /app "${APPS}/hello.py"\n'
    for override in ("None", "FileInfo", "AuthConfig"):
        text += f'<Directory "${{FOLDER}}/htdocs/{override}">\nAllowOverride {override}\n</Directory>\n'
    server = httpd_module(text)
    for each in DIRECTIVES:
        for override in ("FileInfo", "AuthConfig"):
            folder = server.folder / "htdocs" / override / str(each)
            folder.mkdir(parents=True)
            # Variables of the configuration are unknown when a request reads the file.
            line = each.line.replace("${APPS}", "/nowhere").replace("${FOLDER}", "/nowhere")
            (folder / ".htaccess").write_text(line + "\n")
            (folder / "page.txt").write_text("page\n")
    return server


@every
@pytest.mark.parametrize("override", ["FileInfo", "AuthConfig"])
def test_in_htaccess(with_htaccess, directive, override):
    admitted = directive.override == override
    response = with_htaccess.get(f"/{override}/{directive}/page.txt")
    if not admitted:
        assert response.status == 500
        with_htaccess.log.expect(r"\.htaccess: .*not allowed")
    elif directive.name == "WSGIAccessScript":
        assert response.status == 403, "the script is not there, so access is denied"
        for code in (57, 105):
            with_htaccess.log.expect_code(code)
        with_htaccess.log.allow_exception("FileNotFoundError")
        with_htaccess.log.allow("WSGI|AH|No such file")
    else:
        assert (response.status, response.body) == (200, b"page\n")


def test_contexts_partition_the_directives():
    by_context = {context: 0 for context in (GLOBAL, SERVER, ANYWHERE, SECTION)}
    for each in DIRECTIVES:
        by_context[each.context] += 1
    assert by_context == {GLOBAL: 25, SERVER: 4, ANYWHERE: 16, SECTION: 4}
