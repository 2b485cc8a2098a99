"""Where requests come from: several addresses, Unix sockets, inherited sockets, systemd."""

import json
import socket
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from harness.server import DidNotStart


@pytest.fixture
def short_folder():
    """The path of a Unix socket has 107 bytes at most; pytest's folders may be longer."""
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        yield Path(folder)


def listening_socket():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_several_addresses(serve, short_folder):
    path = short_folder / "s"
    server = serve("hello", "--bind", "127.0.0.1:0", "--bind", f"unix:{path}")
    addresses = server.addresses
    assert len(addresses) == 3 and addresses[2] == str(path)
    assert addresses[0][1] != addresses[1][1]
    for index in range(3):
        with server.connect(index) as connection:
            assert connection.get("/").body == b"hello\n"
    server.stop()
    assert not path.exists()


@pytest.mark.parametrize("mode", ["660", "600", "666"])
def test_the_mode_of_a_unix_socket(serve, short_folder, mode):
    path = short_folder / "s"
    server = serve("hello", bind=f"unix:{path}?mode={mode}")
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
    assert server.get("/").body == b"hello\n"
    server.stop()
    assert not path.exists()


def test_the_environ_of_a_unix_socket(serve, short_folder):
    server = serve("environ_app", bind=f"unix:{short_folder / 's'}")
    told = json.loads(server.get("/").text)["values"]
    assert told["SERVER_NAME"] and told["REMOTE_ADDR"] == ""
    server.stop()


def test_the_socket_file_of_a_dead_server_is_replaced(serve, short_folder):
    path = short_folder / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    assert path.is_socket()
    server = serve("hello", bind=f"unix:{path}")
    server.log.allow("(?i)stale|replac|socket")
    assert server.get("/").body == b"hello\n"
    server.stop()


def test_the_socket_file_of_a_living_server_is_not_replaced(serve, short_folder):
    path = short_folder / "s"
    first = serve("hello", bind=f"unix:{path}")
    second = serve("hello", bind=f"unix:{path}", ready=False)
    assert second.wait_exit() != 0
    second.expected_code = second.returncode
    second.log.expect(str(path))
    assert first.get("/").body == b"hello\n"
    first.stop()


def test_a_file_that_is_no_socket_is_not_replaced(serve, short_folder):
    path = short_folder / "precious"
    path.write_text("words")
    server = serve("hello", bind=f"unix:{path}", ready=False)
    assert server.wait_exit() != 0
    server.expected_code = server.returncode
    server.log.expect(str(path))
    assert path.read_text() == "words"


def test_an_address_in_use_says_who_and_what(serve):
    first = serve("hello")
    address = f"127.0.0.1:{first.port}"
    second = serve("hello", bind=address, ready=False)
    assert second.wait_exit() not in (0, 3)
    second.expected_code = second.returncode
    second.log.expect(address)
    text = second.log.text()
    assert address in text and "in use" in text
    assert str(first.pid) in text or "rickhouse" in text.replace("rickhouse:", "")
    assert first.get("/").body == b"hello\n"


def test_an_address_of_another_machine(serve):
    server = serve("hello", bind="192.0.2.1:8000", ready=False)
    assert server.wait_exit() != 0
    server.expected_code = server.returncode
    server.log.expect("192.0.2.1:8000")


def test_an_inherited_socket(serve):
    with listening_socket() as inherited:
        fd = inherited.fileno()
        server = serve("hello", bind=f"fd://{fd}", pass_fds=[fd])
        with socket.create_connection(inherited.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"hello\n")
        server.stop()
        # The socket belongs to who made it: it lives on.
        with socket.create_connection(inherited.getsockname()):
            pass


def test_a_descriptor_that_is_no_socket(serve):
    with tempfile.TemporaryFile() as file:
        fd = file.fileno()
        server = serve("hello", bind=f"fd://{fd}", pass_fds=[fd], ready=False)
        assert server.wait_exit() != 0
        server.expected_code = server.returncode
        server.log.expect(f"fd://{fd}")


#: Runs a command the way systemd hands sockets over: descriptors from 3, and LISTEN_PID its own.
_SYSTEMD = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
copies = [os.dup(fd) for fd in fds]
safe = [os.dup2(fd, 100 + n) for n, fd in enumerate(copies)]
for n, fd in enumerate(safe):
    os.dup2(fd, 3 + n, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(fds))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("bind", [None, "systemd"])
@pytest.mark.parametrize("count", [1, 2])
def test_socket_activation(serve, bind, count):
    made = [listening_socket() for _ in range(count)]
    try:
        fds = [each.fileno() for each in made]
        prefix = [sys.executable, "-c", _SYSTEMD, ",".join(map(str, fds))]
        server = serve("hello", bind=bind, pass_fds=fds, prefix=prefix)
        for each in made:
            with socket.create_connection(each.getsockname()) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.makefile("rb").read().endswith(b"hello\n")
        assert len(server.addresses) == count
    finally:
        for each in made:
            each.close()


def test_sockets_for_another_process_are_not_taken(serve):
    env = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    server = serve("hello", env=env)
    assert server.get("/").body == b"hello\n"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


if has_ipv6():

    def test_ipv6(serve):
        server = serve("environ_app", bind="[::1]:0")
        assert server.addresses[0][0] == "::1"
        told = json.loads(server.get("/").text)["values"]
        assert told["REMOTE_ADDR"] == "::1"


def test_the_port_of_the_environment(serve):
    with listening_socket() as reserved:
        port = reserved.getsockname()[1]
    server = serve("hello", bind=None, env={"PORT": str(port)})
    assert server.port == port
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"hello\n")


def test_a_failed_start_leaves_no_socket_file(serve, short_folder):
    path = short_folder / "s"
    with pytest.raises(DidNotStart):
        server = serve("no_such_module_at_all", bind=f"unix:{path}", ready=False)
        server.expected_code = 3
        server.log.expect("there is no module named")
        server.log.allow("(?i)load|boot|start")
        server.wait_ready()
    assert not path.exists()
