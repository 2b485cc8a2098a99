"""The Flask example, used as a person would."""

import pytest

from harness.browser import Browser
from harness.command import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "flask_app"

VALIDATED = """
from wsgiref.validate import validator
from app import create_app

application = validator(create_app())
"""


@pytest.fixture(scope="module", params=["app:create_app()", "validated"])
def server(request, serve_module, tmp_path_factory):
    target = request.param
    folder = tmp_path_factory.mktemp("flask")
    if target == "validated":
        target = str(folder / "validated.py")
        (folder / "validated.py").write_text(VALIDATED)
    return serve_module(
        target, "--pythonpath", str(EXAMPLE), cwd=EXAMPLE, env={"EXAMPLE_DATA": str(folder)}
    )


@pytest.fixture
def browser(server):
    browser = Browser(server.addresses[0])
    yield browser
    browser.close()


def log_in(browser, name="Ada"):
    page = browser.post("/login", {"name": name})
    assert page.status == 200 and f"Welcome, {name}" in page.text


def test_the_session_lasts(browser):
    assert "Sign in" in browser.get("/").text
    log_in(browser)
    for _ in range(6):
        assert "Signed in as Ada" in browser.get("/").text
    assert "Sign in" in browser.post("/logout", {}).text


def test_a_form_post(browser):
    log_in(browser, "Grace \u00e9")
    page = browser.upload("/entries", {"words": "caf\u00e9 & cask"}, ("attachment", "", b""))
    assert page.status == 200 and "caf\u00e9 &amp; cask" in page.text
    assert any("caf\\u00e9" in line or "caf\u00e9" in line
               for line in browser.get("/api/entries").text.splitlines())  # fmt: skip


def test_a_form_that_is_refused(browser):
    assert browser.post("/login", {"name": " "}).status == 400


@pytest.mark.parametrize("size", [0, 1, 300_000, 5 << 20])
def test_a_file_upload_comes_back_whole(browser, size):
    log_in(browser)
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    words = f"with a file of {size}"
    page = browser.upload("/entries", {"words": words}, ("attachment", "cask.bin", content))
    assert page.status == 200
    line = next(line for line in page.text.splitlines() if words in line)
    rest = page.text[page.text.index(line) :]
    path = rest[rest.index('href="') + 6 :].partition('"')[0]
    download = browser.get(path)
    assert download.status == 200 and download.body == content
    assert "attachment" in download.header("Content-Disposition")


def test_an_upload_that_is_too_large_is_refused(browser, server):
    log_in(browser)
    with server.connect() as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "multipart/form-data; boundary=x",
                   "Content-Length": str(65 << 20), "Connection": "close"}  # fmt: skip
        connection.send(
            b"POST /entries HTTP/1.1\r\nHost: a\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
            + b"\r\n"
        )
        connection.try_send(b"x" * 400_000)
        assert connection.response().status == 413


def test_a_streamed_download(browser):
    log_in(browser)
    browser.upload("/entries", {"words": "streamed"}, ("attachment", "", b""))
    download = browser.get("/export.csv")
    assert download.framing == "chunked"
    assert download.text.splitlines()[0] == "written,author,words"
    assert any(line.endswith(",streamed") for line in download.text.splitlines())


def test_an_exception_page(browser, server):
    server.log.expect_traceback("RuntimeError: this page fails on purpose")
    page = browser.get("/fail")
    assert page.status == 500 and "on purpose" not in page.text
    assert browser.get("/").status == 200


def test_a_page_that_is_not_there(browser):
    assert browser.get("/nothing").status == 404
