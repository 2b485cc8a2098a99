"""The Django example, used as a person would: ORM, sessions, forms, files, the admin."""

import os
import re
import subprocess

import pytest

from harness import command
from harness.browser import Browser

EXAMPLE = command.REPOSITORY / "examples" / "django_site"

VALIDATED = """
from wsgiref.validate import validator
from demo.wsgi import application as site

application = validator(site)
"""


def prepare(folder):
    """Makes the database in its folder; gives the environment that leads to it."""
    env = {"EXAMPLE_DATA": str(folder)}
    subprocess.run(
        [command.python(), EXAMPLE / "prepare.py"], check=True, env={**os.environ, **env},
        timeout=120,
    )  # fmt: skip
    return env


@pytest.fixture(scope="module", params=["demo.wsgi:application", "validated"])
def server(request, serve_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("django")
    target = request.param
    if target == "validated":
        target = str(folder / "validated.py")
        (folder / "validated.py").write_text(VALIDATED)
    return serve_module(target, "--pythonpath", str(EXAMPLE), cwd=EXAMPLE, env=prepare(folder))


@pytest.fixture
def browser(server):
    browser = Browser(server.addresses[0])
    yield browser
    browser.close()


def log_in(browser, page="/login/"):
    token = browser.csrf_token(page)
    fields = {"csrfmiddlewaretoken": token, "username": "demo", "password": "demo"}
    return browser.post(page, fields)


def test_pages_from_the_database(browser):
    page = browser.get("/")
    assert page.status == 200
    for name in ("Oloroso", "Bourbon", "Mizunara"):
        assert name in page.text


def test_the_session_counts(browser):
    def visits():
        numbers = re.findall(r"\b(\d+)\b", re.search(r"(?i)[^<>]*visit[^<>]*", page())[0])
        return int(numbers[0])

    def page():
        return browser.get("/").text

    first = visits()
    assert [visits() for _ in range(6)] == [first + n for n in range(1, 7)]


def test_login_and_a_wrong_password(browser):
    token = browser.csrf_token("/login/")
    fields = {"csrfmiddlewaretoken": token, "username": "demo", "password": "wrong"}
    refused = browser.post("/login/", fields)
    assert refused.status == 200 and "sessionid" not in browser.cookies
    assert log_in(browser).status == 200
    assert browser.cookies["sessionid"]


def test_a_form_without_its_token_is_refused(browser, server):
    server.log.allow("Forbidden|CSRF")
    assert browser.post("/login/", {"username": "demo", "password": "demo"}).status == 403


@pytest.mark.parametrize("size", [1, 300_000, 4 << 20])
def test_a_form_with_an_upload_and_its_download(browser, server, size):
    log_in(browser)
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    fields = {
        "csrfmiddlewaretoken": browser.csrf_token("/casks/new/"),
        "name": f"Cask of {size}", "litres": "250", "filled": "2020-02-29",
    }  # fmt: skip
    page = browser.upload("/casks/new/", fields, ("label", "label.bin", content))
    assert page.status == 200 and f"Cask of {size}" in page.text
    path = re.search(r'href="(/casks/\d+/label/)"', page.text)[1]
    download = browser.get(path)
    assert download.status == 200 and download.body == content
    assert download.header("Content-Length") == str(size)


def test_a_form_that_is_not_valid(browser):
    log_in(browser)
    token = browser.csrf_token("/casks/new/")
    page = browser.post("/casks/new/", {"csrfmiddlewaretoken": token, "name": ""})
    assert page.status == 200 and "required" in page.text


def test_a_streamed_download(browser):
    download = browser.get("/casks.csv")
    assert download.framing == "chunked"
    assert download.text.splitlines()[0] == "name,litres,filled"
    assert "Oloroso,500,2012-03-01" in download.text


def test_an_exception_page(browser, server):
    server.log.expect_traceback("RuntimeError: this page fails on purpose")
    server.log.allow("/fail/")
    page = browser.get("/fail/")
    assert page.status == 500 and "on purpose" not in page.text
    assert browser.get("/").status == 200


def test_the_admin_and_its_static_files(browser):
    page = log_in(browser, "/admin/login/?next=/admin/")
    assert page.status == 200 and "Site administration" in page.text
    sheet = re.search(r'href="(/static/admin/css/[^"]+\.css)"', page.text)[1]
    style = browser.get(sheet)
    assert style.status == 200 and style.header("Content-Type").startswith("text/css")
    assert len(style.body) == int(style.header("Content-Length"))
    changes = browser.get("/admin/casks/cask/")
    assert changes.status == 200 and "Oloroso" in changes.text


def test_a_page_that_is_not_there(browser, server):
    server.log.allow("Not Found")
    assert browser.get("/nothing/").status == 404


def test_a_host_that_is_not_allowed(server):
    server.log.allow("(?i)host|Bad Request|Traceback")
    assert server.get("/", Host="evil.example").status == 400
