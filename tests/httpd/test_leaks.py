"""Memory of children and daemons stays where it is, however many requests of one kind there are.

RICKHOUSE_SOAK_REQUESTS says how many requests make a window, for a soak by hand: 20000 shows a leak of 40 bytes a request.
"""

import os
from pathlib import Path

import pytest

from http_client import chunked, request

#: Requests of a window. Before the first there are half as many, which fill caches and the allocators' pools.
WINDOW = int(os.environ.get("RICKHOUSE_SOAK_REQUESTS") or 1000)
#: How much resident memory may grow in a window: the allocators' next pool (an arena of Python's is 1 MiB, of which a part is
#: touched; malloc takes 132 KiB at a time), which a window may happen to begin. What leaks grows in every window, so one of
#: `WINDOWS` that does not is enough.
SLACK = 384 << 10 if WINDOW < 10_000 else 768 << 10
WINDOWS = 5
#: httpd closes a connection after as many requests.
KEPT_ALIVE = 100

APPLICATION = """
import os
FILE = os.path.join(os.environ["E2E_FOLDER"], "sent")
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/file":
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open(FILE, "rb"))
    body = environ["wsgi.input"].read() or b"hello"
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Seen", environ["REQUEST_METHOD"])])
    return [body]
def allow_access(environ, host):
    return environ["REQUEST_METHOD"] == "GET"
"""
SITE = """
WSGIDaemonProcess g threads=2
WSGIChunkedRequest On
WSGIScriptAlias /embedded "${FOLDER}/scripts/app.py"
WSGIScriptAlias /daemon "${FOLDER}/scripts/app.py" process-group=g
WSGIApplicationGroup %{GLOBAL}
<LocationMatch "/asked$">
    WSGIAccessScript "${FOLDER}/scripts/app.py"
</LocationMatch>
"""
KINDS = {
    "hello": lambda place: request("GET", f"{place}/hello"),
    "post": lambda place: request("POST", f"{place}/post", body=b"x" * 20_000),
    "chunked": lambda place: request("POST", f"{place}/post", {"Transfer-Encoding": "chunked"}, chunked(*[b"x" * 900] * 4)),
    "file": lambda place: request("GET", f"{place}/file"),
    "access": lambda place: request("GET", f"{place}/asked"),
}


@pytest.fixture(scope="module")
def server(httpd_module):
    started = httpd_module(SITE, scripts={"app.py": APPLICATION})
    (started.folder / "sent").write_bytes(b"f" * 100_000)
    return started


def memory(pids):
    """Resident bytes of processes that have to live."""
    found = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024
    return found


def send(server, count, sent):
    for _ in range(0, count, KEPT_ALIVE):
        with server.connect() as connection:
            for _ in range(KEPT_ALIVE):
                connection.send(sent)
                assert connection.response().status == 200


def growths(server, sent):
    """How much memory grows, window by window."""
    send(server, WINDOW // 2, sent)
    pids = [*server.children(), *server.daemons()]
    for _ in range(WINDOWS):
        before = memory(pids)
        send(server, WINDOW, sent)
        yield memory(pids) - before


@pytest.mark.timeout(600 if WINDOW < 10_000 else 7200)
@pytest.mark.parametrize("kind", KINDS)
def test_memory_stays_where_it_is(server, mode, kind):
    seen = []
    for growth in growths(server, KINDS[kind]("/daemon" if mode.daemon else "/embedded")):
        seen.append(growth)
        if growth <= SLACK:
            return
    pytest.fail(f"grows with every {WINDOW} requests, by {seen} bytes")


def test_a_leak_is_seen(httpd):
    """That the test above can fail: an application that keeps something of each request."""
    leaking = APPLICATION + "\nkept = []\nhello = application\ndef application(environ, start_response):\n" \
        "    kept.append(bytearray(700))\n    return hello(environ, start_response)\n"
    server = httpd(SITE, scripts={"app.py": leaking})
    assert min(growths(server, KINDS["hello"]("/daemon"))) > SLACK
