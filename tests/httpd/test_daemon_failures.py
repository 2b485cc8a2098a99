"""What a client gets when its daemon cannot answer (DD 8.1, 8.3, 8.7; rows 79 to 82, 88)."""

import os
import pwd
import signal
import socket
import stat
from datetime import datetime

import pytest

import http_client
from daemon_server import pid, request_that_waits, start, waiting
from harness import httpd_install as install
from harness.httpd_server import DidNotStart
from harness.wait import until


def test_a_daemon_that_dies_before_it_answers(httpd):
    server = start(httpd)
    old = pid(server)
    server.log.expect("WSGI014[67]: ")
    server.log.allow("AH00052|exit signal")
    assert server.get("/crash").status == 502
    assert pid(server) != old
    server.log.wait_for(rf"Process 'g' \(pid={old}\) has died; deregistering and restarting it\.")
    server.log.wait_for(rf"Process 'g' \(pid={old}\) terminated by signal 9")


@pytest.mark.differs("what is left of the response ends as if it were all of it")
def test_a_daemon_that_dies_in_the_middle_of_its_response(httpd):
    server = start(httpd)
    server.log.allow("WSGI0119: |WSGI014|AH00052")
    with server.connect(timeout=15) as connection:
        connection.send(http_client.request("GET", "/crash-after"))
        head = connection.response_head()
        blocks = connection.blocks(head)
        assert next(blocks) == b"first"
        server.release("crash")
        with pytest.raises(http_client.Truncated):
            next(blocks)
    assert server.get("/pid").status == 200


def test_others_are_not_disturbed(httpd):
    """Requests in the other process of a group go on when one dies."""
    server = start(httpd, "processes=2 threads=2")
    server.log.allow("AH00052")
    both = server.wait_daemons("g", 2)
    with request_that_waits(server) as answer:
        busy = int(waiting(server)[0].split()[-1])
        (idle,) = [each for each in both if each != busy]
        os.kill(idle, signal.SIGKILL)
        server.log.wait_for(rf"Process 'g' \(pid={idle}\) terminated by signal 9")
        assert [server.get("/pid").status for _ in range(5)] == [200] * 5
        server.release("gate")
        assert answer.result(20).text == "done"


def test_a_killed_daemon_is_replaced(httpd):
    server = start(httpd, "processes=3")
    server.log.allow("AH00052")
    old = server.wait_daemons("g", 3)
    for each in old:
        os.kill(each, signal.SIGKILL)
    new = server.wait_daemons("g", 3, besides=tuple(old))
    assert len(new) == 3 and server.get("/pid").status == 200


@pytest.mark.differs("row 82: the status is decoded twice")
@pytest.mark.parametrize("code", [1, 3, 255])
def test_row_82_the_exit_status_is_reported_as_it_is(httpd, code):
    script = f"import os\ndef application(environ, start_response):\n    os._exit({code})\n"
    text = 'WSGIDaemonProcess g\nWSGIScriptAlias / "${FOLDER}/scripts/exits.py" process-group=g\n'
    server = httpd(text, scripts={"exits.py": script})
    server.log.expect("WSGI014[67]: ")
    assert server.get("/").status == 502
    server.log.wait_for(rf"Process 'g' \(pid=\d+\) terminated normally, exit code {code}$", deadline=6)


@pytest.mark.differs("the next process is started at once, again and again")
@pytest.mark.oracle_skip("starts hundreds of processes")
@pytest.mark.parametrize("threads", [0, 1])
def test_processes_that_end_at_once_are_not_started_at_full_speed(httpd, threads):
    """Whatever their exit status: 0 is no better when an import script ends the process."""
    text = (
        f"WSGIDaemonProcess g threads={threads}\n"
        'WSGIImportScript "${FOLDER}/scripts/ends.py" process-group=g application-group=%{GLOBAL}\n'
    )
    server = httpd(text, scripts={"ends.py": "import os\nos._exit(0)\n"})
    server.log.wait_for(r"the next one starts after 1\.6 seconds", deadline=15)
    assert len(server.log.records(r"the next one starts after")) == 5


def test_a_missing_socket(httpd):
    server = start(httpd)
    assert server.get("/pid").status == 200
    (path,) = server.sockets()
    path.unlink()
    uid = install.ordinary_user().pw_uid if install.ordinary_user() else os.getuid()
    server.log.expect_code(117, rf"Unable to connect to WSGI daemon process 'g' on '{path}' as user with uid={uid}\.")
    assert server.get("/pid").status == 503


def test_a_socket_that_nobody_listens_on(httpd):
    """Tried again until `connect-timeout` has passed."""
    server = start(httpd, "connect-timeout=1")
    assert server.get("/pid").status == 200
    (path,) = server.sockets()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        path.chmod(0o777)
    server.log.expect_code(116, "after multiple attempts as listener backlog limit was exceeded")
    assert server.get("/pid").status == 503
    # It is not the file that httpd made, which therefore leaves it alone.
    server.stop()
    path.unlink()


def test_a_daemon_that_does_not_answer_in_time(httpd):
    server = start(httpd, "socket-timeout=1 shutdown-timeout=1")
    server.log.expect_code(145, "Timeout when reading response headers from daemon process 'g'.")
    with request_that_waits(server) as answer:
        assert answer.result(20).status == 504


def test_somebody_else_at_the_socket(httpd):
    """What is no answer of a daemon is 500 or 502, never a response."""
    server = start(httpd, "socket-timeout=5")
    assert server.get("/pid").status == 200
    (path,) = server.sockets()
    path.unlink()
    server.log.allow("WSGI01")
    for said in (b"", b"HTTP/1.1 200 OK\r\n\r\nhello", b"\0" * 100, b"\xff" * 5000):
        with socket.socket(socket.AF_UNIX) as imposter:
            imposter.bind(str(path))
            path.chmod(0o777)
            imposter.listen()
            imposter.settimeout(20)
            with server.connect() as client:
                client.send(http_client.request("GET", "/pid"))
                peer, _ = imposter.accept()
                with peer:
                    peer.settimeout(20)
                    peer.recv(65536)
                    peer.sendall(said)
                assert client.response_head().status in (500, 502)
        path.unlink()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 64, b"\xff" * 64, os.urandom(4096)], ids=len)
def test_row_88_a_stranger_at_the_socket_of_a_daemon_gets_no_answer(httpd, said):
    server = start(httpd)
    old = pid(server)
    server.log.allow("WSGI0033|WSGI0034|WSGI0080|WSGI0")
    (path,) = server.sockets()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        try:
            client.connect(str(path))
        except PermissionError:
            return
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""
    assert b"200" not in answer
    assert pid(server) == old


def test_the_socket_is_for_its_owner_only(httpd):
    server = start(httpd)
    (path,) = server.sockets()
    found = path.stat()
    assert stat.filemode(found.st_mode) == "srwx------"
    assert found.st_uid == (install.ordinary_user().pw_uid if install.ordinary_user() else os.getuid())


@pytest.mark.differs("row 79: it is started again without a pause")
@pytest.mark.oracle_skip("a tight loop of crashes")
def test_row_79_a_python_that_cannot_start_backs_off(httpd):
    text = "".join(
        f'WSGIDaemonProcess {name} {options}\n'
        f'WSGIScriptAlias /{name} "${{APPS}}/hello.py" process-group={name} application-group=x\n'
        for name, options in (("bad", "python-home=/nowhere/at/all socket-timeout=2"), ("fine", ""))
    )
    server = httpd(text)
    server.log.allow(r"WSGI0|AH|Python|site|sys\.|^ |encodings|^Current thread|platlib|Could not find|^\S")
    server.log.wait_for("WSGI0100: .*Unable to stat Python home '/nowhere/at/all'")
    assert server.get("/fine").text == "hello\n"
    assert server.get("/bad").status in (500, 502, 503, 504)
    starting = "Starting daemon process 'bad'"
    server.log.wait_for(starting, count=7, deadline=60)
    times = [datetime.fromisoformat(record.time) for record in server.log.records(starting)]
    pauses = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]
    assert pauses[5] > 2 * pauses[0] and pauses[5] > 1, pauses


@pytest.mark.differs("row 80: the later groups are not started either")
def test_row_80_a_group_that_cannot_start_does_not_take_the_others_along(httpd):
    """Where the socket of the first group has to be, something else is already."""
    text = "".join(
        f'WSGIDaemonProcess {name}\nWSGIScriptAlias /{name} "${{APPS}}/hello.py" process-group={name} application-group=x\n'
        for name in ("first", "second")
    )
    server = httpd(text)
    server.log.expect("WSGI001[345]: .*first|WSGI001[345]: .*1\\.sock")
    server.log.allow("WSGI0065|WSGI0117|WSGI0151")
    in_the_way = server.folder / "run" / f"wsgi.{server.pid}.1.1.sock"
    in_the_way.mkdir()
    server.graceful()
    assert server.get("/second").text == "hello\n"
    assert server.get("/first").status in (500, 503)
    in_the_way.rmdir()
    server.graceful()
    assert server.get("/first").text == "hello\n"


LONG = "p" * 90


@pytest.mark.differs("row 81: the name is cut")
def test_row_81_a_socket_path_that_is_too_long_is_refused(httpd):
    with pytest.raises(DidNotStart) as caught:
        httpd(f'WSGISocketPrefix "${{FOLDER}}/run/{LONG}"\nWSGIDaemonProcess g')
    assert "socket" in str(caught.value).lower() and LONG in str(caught.value)


def test_ownership_of_the_script(httpd):
    """`script-user`: the file must be that user's, and nobody else may write it."""
    owner = pwd.getpwuid(os.geteuid()).pw_name
    options = f"script-user={owner}"
    text = f'WSGIDaemonProcess g {options}\nWSGIScriptAlias /x "${{FOLDER}}/scripts/x.py" process-group=g\n'
    script = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n"
    server = httpd(text, scripts={"x.py": script})
    path = server.script("x.py")
    path.chmod(0o644)
    assert server.get("/x").status == 200
    for mode, code in ((0o646, 168), (0o664, 166)):
        path.chmod(mode)
        server.log.expect_code(code)
        assert server.get("/x").status == 403
    path.chmod(0o644)
    for mode, code in ((0o757, 172), (0o775, 173)):
        path.parent.chmod(mode)
        server.log.expect_code(code)
        assert server.get("/x").status == 403


def test_ownership_by_somebody_else(httpd):
    text = 'WSGIDaemonProcess g script-user=nobody\nWSGIScriptAlias /x "${APPS}/hello.py" process-group=g\n'
    text += 'WSGIDaemonProcess h script-group=nogroup\nWSGIScriptAlias /y "${APPS}/hello.py" process-group=h\n'
    server = httpd(text)
    for path, code in (("/x", 164), ("/y", 155)):
        server.log.expect_code(code)
        assert server.get(path).status == 403


def test_a_client_that_leaves_does_not_harm(httpd):
    server = start(httpd)
    server.log.allow("WSGI0119|WSGI0120")
    old = pid(server)
    with server.connect() as connection:
        connection.send(http_client.request("GET", "/waits?gate=gate"))
        until(lambda: server.recorded("waiting"), "the request")
        connection.reset()
    server.release("gate")
    until(lambda: server.recorded("done"), "the application to end")
    assert pid(server) == old


def test_a_request_that_is_longer_than_a_daemon_takes(httpd):
    server = start(httpd, more="LimitRequestFieldSize 20000000")
    server.log.expect_code(9006, "daemon process 'g'")
    assert server.get("/pid", {"X-Long": "x" * (17 << 20)}).status == 500
