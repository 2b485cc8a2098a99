"""What can be served: modules, factories, files; and where modules are found."""

import subprocess

import pytest

from harness import command

BODY = """
def {name}(environ, start_response):
    start_response("200 OK", [])
    return [__name__.encode() + b" {name}"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/site.py").write_text(
        BODY.format(name="application")
        + BODY.format(name="app")
        + BODY.format(name="other")
        + "def make():\n    return other\n"
        + "class Holder:\n    inner = staticmethod(other)\n"
    )
    (tmp_path / "only_app.py").write_text(BODY.format(name="app"))
    (tmp_path / "site.wsgi").write_text(BODY.format(name="application"))
    (tmp_path / "with-dash.py").write_text(BODY.format(name="application"))
    (tmp_path / "callable_object.py").write_text(
        "class Site:\n"
        "    def __call__(self, environ, start_response):\n"
        "        start_response('200 OK', [])\n"
        "        return [b'object']\n"
        "application = Site()\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("target", "served"),
    [
        ("package.site", "package.site application"),
        ("package.site:application", "package.site application"),
        ("package.site:other", "package.site other"),
        ("package.site:Holder.inner", "package.site other"),
        ("package.site:make()", "package.site other"),
        ("only_app", "only_app app"),
        ("callable_object", "object"),
    ],
)
def test_modules(serve, folder, target, served):
    assert serve(target, cwd=folder).get("/").text == served


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("package/site.py", "application"),
        ("./package/site.py", "application"),
        ("package/site.py:other", "other"),
        ("site.wsgi", "application"),
        ("with-dash.py", "application"),
        ("only_app.py", "app"),
    ],
)
def test_files(serve, folder, target, name):
    assert serve(target, cwd=folder).get("/").text.endswith(f" {name}")


def test_an_absolute_path(serve, folder, gil_mode):
    text = serve(str(folder / "site.wsgi")).get("/").text
    assert text.endswith(" application")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("package.nothing", "package.nothing"),
        ("package.site:nothing", "nothing"),
        ("missing.py", "missing.py"),
        ("package.site:make('nothing')", "called without any"),
    ],
)
def test_what_is_not_there_is_named(serve, folder, target, said):
    server = serve(target, cwd=folder, ready=False)
    code = server.wait_exit()
    assert code in (2, 3)
    server.expected_code = code
    server.log.expect(said)
    server.log.allow(".")


def test_chdir(serve, folder):
    server = serve("package.site", "--chdir", str(folder))
    assert server.get("/").text == "package.site application"


def test_pythonpath(serve, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "helper_of_path.py").write_text(BODY.format(name="application"))
    server = serve("helper_of_path", "--pythonpath", str(elsewhere), cwd=folder)
    assert server.get("/").text == "helper_of_path application"


def test_the_virtual_environment_of_the_command_is_the_application_s(serve, gil_mode):
    server = serve(
        app="""
        import sys

        def application(environ, start_response):
            start_response("200 OK", [])
            return [f"{sys.prefix}\\n{sys.executable}".encode()]
        """
    )
    prefix, executable = server.get("/").text.splitlines()
    assert prefix == command.facts().prefix
    assert executable.startswith(prefix)


def test_modules_of_the_standard_library_are_not_shadowed_by_ours(serve):
    """Nothing the server brings along takes a name the application could mean."""
    server = serve(
        app="""
        import sys

        def application(environ, start_response):
            start_response("200 OK", [])
            return [" ".join(sys.path).encode()]
        """
    )
    paths = server.get("/").text.split()
    assert len(paths) == len(set(paths))


def test_a_module_is_loaded_once_in_each_interpreter(serve, gil_mode):
    server = serve(
        app="""
        with open("loads", "a") as loads:
            loads.write("x")

        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
        """
    )
    assert server.get("/").text == "ok"
    assert len((server.folder / "loads").read_text()) == gil_mode.interpreters


def test_the_module_form_of_the_command():
    told = subprocess.run(
        [command.python(), "-m", "rickhouse", "--help"], capture_output=True, text=True, timeout=30
    )
    assert told.returncode == 0 and "serve" in told.stdout


@pytest.fixture(scope="module")
def example(serve_module):
    return serve_module("app", cwd=command.REPOSITORY / "examples" / "hello")


@pytest.mark.parametrize(
    "page", ["/", "/where", "/environ", "/stream", "/download", "/sleep?seconds=0", "/work"]
)
def test_the_pages_of_the_hello_example(example, page):
    response = example.get(page)
    assert response.status == 200 and response.body


def test_the_echo_of_the_hello_example(example):
    assert example.post("/echo", b"x" * 300_000).body == b"x" * 300_000


def test_the_error_of_the_hello_example(example):
    example.log.expect_traceback("RuntimeError: this page fails on purpose")
    assert example.get("/fail").status == 500
