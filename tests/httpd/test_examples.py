"""The example sites of this repository, deployed behind httpd and used as a person would."""

import os
import re
import subprocess
import sys

import pytest

from harness.browser import Browser
from harness.command import REPOSITORY

EXAMPLES = REPOSITORY / "examples"

FLASK = "from app import create_app\napplication = create_app()\n"
DJANGO = "from demo.wsgi import application\n"

CONFIG = """
WSGIPythonPath "{path}"
WSGIDaemonProcess site processes=2 threads=4 python-path="{path}"
WSGIScriptAlias / "${{FOLDER}}/scripts/site.py"
WSGIProcessGroup {group}
WSGIApplicationGroup %{{GLOBAL}}
WSGIChunkedRequest On
"""


@pytest.fixture(scope="module", params=["%{GLOBAL}", "site"], ids=["embedded", "daemon"])
def group(request):
    return request.param


def readable_by_all(folder):
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    for path in folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return folder


@pytest.fixture(scope="module")
def flask(httpd_module, group):
    data = readable_by_all(httpd_module.folder / f"flask{len(httpd_module.servers)}")
    text = CONFIG.format(path=EXAMPLES / "flask_app", group=group)
    return httpd_module(text, scripts={"site.py": FLASK}, env={"EXAMPLE_DATA": str(data)})


@pytest.fixture(scope="module")
def django(httpd_module, group):
    data = readable_by_all(httpd_module.folder / f"django{len(httpd_module.servers)}")
    env = {"EXAMPLE_DATA": str(data)}
    script = EXAMPLES / "django_site" / "prepare.py"
    subprocess.run([sys.executable, script], check=True, env={**os.environ, **env}, timeout=120)
    readable_by_all(data)
    text = CONFIG.format(path=EXAMPLES / "django_site", group=group)
    return httpd_module(text, scripts={"site.py": DJANGO}, env=env)


@pytest.fixture
def browse():
    opened = []

    def browser(server):
        opened.append(Browser(("127.0.0.1", server.port)))
        return opened[-1]

    yield browser
    for each in opened:
        each.close()


def test_flask_sign_in_write_attach_download(flask, browse):
    browser = browse(flask)
    assert "Welcome, Ada" in browser.post("/login", {"name": "Ada"}).text
    for size in (1, 300_000, 4 << 20):
        content = (bytes(range(256)) * (size // 256 + 1))[:size]
        page = browser.upload("/entries", {"words": f"entry of {size}"}, ("attachment", f"{size}.bin", content))
        assert page.status == 200 and f"entry of {size}" in page.text
        (path,) = re.findall(rf'href="(/uploads/[^"]*{size}\.bin)"', page.text)[:1]
        assert browser.get(path).body == content
    assert "entry of 1" in browser.get("/export.csv").text
    assert "Sign in" in browser.post("/logout", {}).text


def test_flask_says_what_went_wrong(flask, browse):
    flask.log.expect("this page fails on purpose")
    flask.log.allow(r"\[wsgi:error\]")
    assert browse(flask).get("/fail").status == 500


def log_in(browser):
    token = browser.csrf_token("/login/")
    return browser.post("/login/", {"csrfmiddlewaretoken": token, "username": "demo", "password": "demo"})


def test_django_sign_in_upload_download(django, browse):
    browser = browse(django)
    assert "Oloroso" in browser.get("/").text
    assert log_in(browser).status == 200 and browser.cookies["sessionid"]
    for size in (1, 300_000, 4 << 20):
        content = (bytes(range(256)) * (size // 256 + 1))[:size]
        fields = {"csrfmiddlewaretoken": browser.csrf_token("/casks/new/"), "name": f"Cask of {size}", "litres": "250",
                  "filled": "2020-02-29"}  # fmt: skip
        page = browser.upload("/casks/new/", fields, ("label", "label.bin", content))
        assert page.status == 200 and f"Cask of {size}" in page.text
        download = browser.get(re.search(r'href="(/casks/\d+/label/)"', page.text)[1])
        assert download.status == 200 and download.body == content


def test_django_streams(django, browse):
    download = browse(django).get("/casks.csv")
    assert download.text.splitlines()[0] == "name,litres,filled" and "Oloroso,500,2012-03-01" in download.text


def test_django_admin_and_static_files(django, browse):
    browser = browse(django)
    log_in(browser)
    sheet = re.search(r'href="(/static/admin/css/[^"]+\.css)"', browser.get("/admin/").text)[1]
    style = browser.get(sheet)
    assert style.status == 200 and style.header("Content-Type").startswith("text/css")


def test_django_exceptions(django, browse):
    django.log.expect("RuntimeError: this page fails on purpose")
    django.log.allow(r"\[wsgi:error\]")
    page = browse(django).get("/fail/")
    assert page.status == 500 and "on purpose" not in page.text
