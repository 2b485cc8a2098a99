"""`httpd -X`: one process, which is the parent and the only child, and whose terminal is the application's (DD 9.3)."""

import json
import signal

import pytest

SCRIPT = """
import atexit, json, os, sys, threading, time
atexit.register(print, "good bye", flush=True)

def application(environ, start_response):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    print("seen by", os.getpid(), flush=True)
    start_response("200 OK", [])
    told = {"pid": os.getpid(), "typed": sys.stdin.readline() if environ["PATH_INFO"] == "/asks" else None}
    return [json.dumps(told).encode()]
"""
CONFIG = """
WSGIApplicationGroup %{GLOBAL}
WSGIDaemonProcess g
WSGIScriptAlias /embedded "${FOLDER}/scripts/debugged.py"
WSGIScriptAlias /daemon "${FOLDER}/scripts/debugged.py" process-group=g
WSGIRestrictStdin Off
"""


def told(server, path):
    return json.loads(server.get(path).body)


@pytest.mark.oracle_skip("leaves its socket")
@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_single_process_has_the_terminal(httpd, mpm, number):
    server = httpd(CONFIG, mpm=mpm, scripts={"debugged.py": SCRIPT}, typed="step\nquit\n", unprivileged=True)
    assert told(server, "/embedded") == {"pid": server.pid, "typed": None}
    assert [told(server, "/embedded/asks")["typed"] for _ in range(3)] == ["step\n", "quit\n", ""]

    server.log.expect(r"seen by \d+$")
    server.log.allow("good bye$")
    daemon = told(server, "/daemon")["pid"]
    assert server.daemons("g") == [daemon]

    assert server.stop(number) == 0
    shown = (server.folder / "stderr.log").read_text().splitlines()
    assert shown == [f"seen by {server.pid}"] * 4 + ["good bye"]
    assert [record.pid for record in server.log.records("seen by|good bye")] == [daemon] * 2
