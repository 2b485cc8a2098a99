"""What a daemon process is before it serves: its user, folder, umask, language (DD 10.2)."""

import grp
import json
import pwd

import pytest

from daemon_server import start
from harness import processes
from harness.wait import until


def test_process_set_up(httpd):
    options = 'umask=0027 home="${FOLDER}/scripts" lang=C.UTF-8 locale=C.UTF-8 cpu-priority=3'
    server = start(httpd, options)
    told = json.loads(server.get("/who").text)
    assert (told["umask"], told["cwd"], told["nice"]) == (0o027, str(server.folder / "scripts"), 3)
    assert (told["lang"], told["lc_all"], told["parent"]) == ("C.UTF-8", "C.UTF-8", server.pid)


def test_display_name(httpd):
    server = start(httpd, "display-name=%{GROUP}")
    (daemon,) = server.wait_daemons("g")
    until(lambda: processes.process(daemon).command.startswith("(wsgi:g)"), "the title")


def test_an_unknown_locale_is_a_warning(httpd):
    server = start(httpd, "locale=xx_XX")
    server.log.expect_code(79, "Unsupported locale setting 'xx_XX'")
    assert server.get("/pid").status == 200


@pytest.mark.needs_root
def test_user_and_group(httpd):
    server = start(httpd, "user=nobody group=nogroup home=/")
    told = json.loads(server.get("/who").text)
    nobody = pwd.getpwnam("nobody")
    assert set(told["uid"]) == {nobody.pw_uid} and set(told["gid"]) == {nobody.pw_gid}
    assert set(told["groups"]) <= {nobody.pw_gid} and told["home"] == nobody.pw_dir
    server.log.wait_for(f"Starting daemon process 'g' with uid={nobody.pw_uid}, gid={nobody.pw_gid} and threads=15")


@pytest.mark.needs_root
def test_supplementary_groups(httpd):
    server = start(httpd, "supplementary-groups=daemon,bin")
    told = json.loads(server.get("/who").text)
    assert {grp.getgrnam(name).gr_gid for name in ("daemon", "bin")} <= set(told["groups"])


@pytest.mark.parametrize(
    ("options", "code"),
    [("home=/nowhere/at/all", 9), pytest.param("chroot=/nowhere/at/all", 3, marks=pytest.mark.needs_root)],
)
def test_a_set_up_that_fails_is_not_tried_at_once_again(httpd, options, code):
    server = start(httpd, options, 'WSGIDaemonProcess fine\n')
    server.log.expect_code(code)
    server.log.expect_code(25, "process left in unspecified state")
    server.log.wait_for("WSGI0025: ")
    assert server.wait_daemons("fine")
    assert server.log.count("WSGI0025: ") == 1


@pytest.mark.parametrize(
    ("options", "limit"),
    [("memory-limit=2000000000", "RLIMIT_DATA"), ("virtual-memory-limit=8000000000", "RLIMIT_AS"),
     ("cpu-time-limit=1000", "RLIMIT_CPU")],
)  # fmt: skip
def test_limits(httpd, options, limit):
    server = start(httpd, options)
    told = json.loads(server.get("/limits?name=" + limit).text)
    least = int(options.partition("=")[2])
    assert told[0] == least and told[1] in (least, least + 1 + 5)
