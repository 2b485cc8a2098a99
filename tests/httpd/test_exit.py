"""A child that ends while threads of its application go on: nothing is taken down below them (DD 9.7)."""

import pytest

from harness import httpd_config as config

#: Each thread is outside of Python most of the time, in OpenSSL, which `exit` takes down.
SCRIPT = """
import hashlib, os, ssl, sys, threading, zlib

def works():
    data = os.urandom(100_000)
    while True:
        hashlib.new("sha512", data).digest()
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 50)
        ssl.create_default_context()
        zlib.decompress(zlib.compress(data))

for _ in range(4):
    threading.Thread(target=works, daemon=True).start()

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]
"""


@pytest.mark.oracle_skip("crashes now and then")
@pytest.mark.parametrize("step", [None, "graceful"], ids=["stop", "graceful"])
@pytest.mark.parametrize("gil", config.gil_modes())
@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_threads_that_go_on_do_not_crash_the_end_of_a_child(httpd, mpm, gil, step):
    """The log, which would tell, is looked at when the server has ended."""
    deployment = config.Deployment(False, gil)
    text = config.interpreters() + 'WSGIScriptAlias / "${FOLDER}/scripts/works.py"\n' + deployment.section("/")
    server = httpd(text, mpm=mpm, scripts={"works.py": SCRIPT})
    assert server.get("/").body == b"x"
    if step:
        getattr(server, step)()
        assert server.get("/").body == b"x"
    assert server.stop() == 0


BUFFERED = """
BufferedLogs On
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / "${FOLDER}/scripts/works.py"
"""


@pytest.mark.oracle_skip("crashes now and then")
def test_what_other_modules_do_at_the_end_of_a_child_is_done(httpd):
    """mod_log_config writes what it has kept."""
    server = httpd(BUFFERED, scripts={"works.py": SCRIPT}, mpm="prefork")
    assert server.get("/seen").body == b"x"
    assert server.stop() == 0
    assert any("/seen" in line for line in server.access_log())
