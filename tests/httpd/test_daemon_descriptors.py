"""What a daemon has of its parent: logs and its group's socket, and no means to disturb httpd with."""

from pathlib import Path

import pytest

from daemon_server import pid, start
from harness import processes
from harness.wait import until


def pipes(found):
    return {what for what in found.values() if what.startswith("pipe:")}


@pytest.mark.differs("it inherits the pipe of death")
@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
@pytest.mark.parametrize("step", [None, "graceful"], ids=["start", "graceful"])
def test_a_daemon_has_the_descriptors_it_needs(httpd, mpm, step):
    """Standard ones, logs, the socket of its group (not the other group's, nor httpd's), and two pipes for signals."""
    server = start(httpd, more="WSGIDaemonProcess other", mpm=mpm)
    if step:
        server.graceful()
    daemon = pid(server)
    server.wait_daemons("other")
    parents = server.parent_descriptors()

    def expected():
        found = processes.descriptors(daemon)
        files = sorted(Path(what).name for what in found.values() if what.startswith("/"))
        sockets = [what for what in found.values() if what.startswith("socket:")]
        assert files == ["access.log", "error.log", "null", "stderr.log"], found
        assert not pipes(found) & pipes(parents), found
        assert len(pipes(found)) == 2 and len(found) - len(sockets) == 4 + 2 * 2, found
        # Besides the listening one, perhaps the connection of the last request for a moment.
        return len(sockets) == 1 and sockets[0] in parents.values()

    assert pipes(parents), "the parent has a pipe of death"
    until(expected, "the descriptors of a daemon that has nothing to do")


@pytest.mark.differs("it shares the scoreboard")
def test_a_daemon_does_not_share_the_scoreboard(httpd):
    """Of the memory that this httpd shares, the scoreboard is the largest."""
    server = start(httpd)

    def shared(number):
        lines = Path(f"/proc/{number}/maps").read_text().splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == "rw-s"]

    def size(addresses):
        begin, _, end = addresses.partition("-")
        return int(end, 16) - int(begin, 16)

    daemon = pid(server)
    scoreboard = max(shared(server.pid), key=size)
    assert scoreboard in shared(server.children()[0])
    assert scoreboard not in shared(daemon)
    assert pid(server) == daemon


@pytest.mark.differs("it has the pipes of both logs")
def test_logs_that_are_pipes(httpd):
    """The one for errors is a daemon's, too; the access log is not."""
    more = 'ErrorLog "|$cat >>${FOLDER}/error.log"\nCustomLog "|$cat >/dev/null" brief\n'
    server = start(httpd, more=more)
    daemon = pid(server)
    shared = pipes(processes.descriptors(daemon)) & pipes(server.parent_descriptors())
    assert len(shared) == 1
    server.log.wait_for("Attaching to Python main interpreter|Starting daemon process 'g'")
    assert pid(server) == daemon
