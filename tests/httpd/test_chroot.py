"""A daemon in a root directory of its own, with a Python inside (DD 4.7)."""

import json
import os
import pwd
import shutil
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs_root

CONFIG = """
WSGIDaemonProcess g chroot="{root}" python-home=/py python-path=/lib home=/ user=nobody group=nogroup umask=0027 \
    cpu-time-limit=1000 threads=2
WSGIProcessGroup g
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /inside "{root}/app/inside.py"
WSGIScriptAlias /outside "${{APPS}}/hello.py"
"""
SCRIPT = """
import json, os, resource, sys
import beside

def told(environ):
    os.umask(mask := os.umask(0))
    return {
        "root": sorted(os.listdir("/")), "cwd": os.getcwd(), "uid": os.getresuid(), "gid": os.getresgid(), "umask": mask,
        "limit": resource.getrlimit(resource.RLIMIT_CPU)[0], "prefix": sys.prefix, "beside": beside.__file__,
        "script": environ["SCRIPT_FILENAME"], "document_root": environ.get("DOCUMENT_ROOT"), "file": __file__,
    }

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/file":
        return environ["wsgi.file_wrapper"](open("/app/big", "rb"))
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("inside")
    return [json.dumps(told(environ)).encode()]
"""
#: Of the standard library, what no application here imports.
_LEFT_OUT = shutil.ignore_patterns(
    "test", "tests", "__pycache__", "site-packages", "dist-packages", "idlelib", "tkinter", "turtledemo", "ensurepip",
    "lib2to3", "config-*", "pydoc_data", "*.a",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(workplace):
    """`py` has the interpreter's library, `app` the application, `lib` a module of it."""
    root = workplace / "root"
    root.mkdir()
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, root / "py" / "lib" / library.name, ignore=_LEFT_OUT)
    for name, source in {"app/inside.py": SCRIPT, "lib/beside.py": "", "app/big": "x" * 300_000}.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    yield root
    shutil.rmtree(root)


@pytest.mark.oracle_skip("not tried with it")
def test_an_application_in_a_root_directory_of_its_own(httpd, root):
    server = httpd(CONFIG.format(root=root))
    told = json.loads(server.get("/inside").body)
    nobody = pwd.getpwnam("nobody")
    assert told == {
        "root": ["app", "lib", "py"], "cwd": "/", "uid": [nobody.pw_uid] * 3, "gid": [nobody.pw_gid] * 3, "umask": 0o027,
        "limit": 1000, "prefix": "/py", "beside": "/lib/beside.py", "script": "/app/inside.py", "document_root": None,
        "file": "/app/inside.py",
    }  # fmt: skip
    (daemon,) = server.daemons("g")
    assert os.readlink(f"/proc/{daemon}/root") == str(root)
    assert server.get("/inside/file").body == b"x" * 300_000

    server.log.expect_exception("ValueError: inside")
    assert server.get("/inside/fails").status == 500
    assert server.log.search('File "/app/inside.py", line')


@pytest.mark.oracle_skip("not tried with it")
def test_a_script_that_changes_in_a_root_directory_of_its_own(httpd, root):
    server = httpd(CONFIG.format(root=root))
    assert server.get("/inside").status == 200
    old = server.daemons("g")
    script = root / "app" / "inside.py"
    os.utime(script, (1, 1))
    assert server.get("/inside").status == 200
    assert server.wait_daemons("g", besides=tuple(old))


@pytest.mark.oracle_skip("not tried with it")
def test_a_script_outside_of_the_root_directory(httpd, root):
    server = httpd(CONFIG.format(root=root))
    server.log.expect_code(81, f"is not located within chroot directory '{root}'")
    server.log.allow("WSGI014")
    assert server.get("/outside").status == 502
    assert server.get("/inside").status == 200
