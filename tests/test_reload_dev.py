"""`--reload`: changed files are served without anybody asking for it."""

import pytest

from harness.wait import until
from http_client import Closed, Truncated

SOURCE = """
from part import TEXT

def application(environ, start_response):
    start_response("200 OK", [])
    return [TEXT]
"""


@pytest.fixture
def server(serve, tmp_path):
    tmp_path.joinpath("part.py").write_text("TEXT = b'one'\n")
    tmp_path.joinpath("app.py").write_text(SOURCE)
    tmp_path.joinpath("settings.ini").write_text("a\n")
    return serve("app:application", "--reload", "--reload-extra-file", "settings.ini", cwd=tmp_path)


def answer(server):
    try:
        return server.get("/").text
    except (OSError, Closed, Truncated):
        return None


def test_a_changed_module_is_served(server):
    assert server.get("/").text == "one"
    (server.directory / "part.py").write_text("TEXT = b'number two'\n")
    until(lambda: answer(server) == "number two", "the changed module")


def test_a_file_that_is_replaced_by_an_editor_is_noticed(server):
    assert server.get("/").text == "one"
    fresh = server.directory / "part.py.new"
    fresh.write_text("TEXT = b'renamed'\n")
    fresh.rename(server.directory / "part.py")
    until(lambda: answer(server) == "renamed", "the changed module")


def test_an_extra_file_is_noticed(server):
    old = server.workers()
    (server.directory / "settings.ini").write_text("b, longer\n")
    until(lambda: server.workers() and not set(old) & set(server.workers()), "a new worker")
    until(lambda: answer(server) == "one", "it to serve")


def test_a_mistake_is_told_and_its_correction_served(server):
    server.log.expect_traceback("SyntaxError|NameError")
    server.log.allow("(?i)reload|worker|load|start")
    start = server.log.mark()
    (server.directory / "part.py").write_text("TEXT = no_such_name\n")
    server.log.wait_for("NameError", since=start)
    (server.directory / "part.py").write_text("TEXT = b'mended again'\n")
    until(lambda: answer(server) == "mended again", "the mended module")
