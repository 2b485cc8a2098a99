"""One running `rickhouse serve`, from outside."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import ClassVar

from http_client import Connection, Response

from . import messages, processes
from .command import executable
from .log import Log
from .wait import PATIENCE, until

#: What the server inherits of our environment. The rest could configure it behind a test's back.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


#: Checks of the descriptors that only learn what a warm server has open.
_WARM_UP = 3


class DidNotStart(AssertionError):
    """The command ended before it was ready."""


def environment(mark: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    base = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    base |= {processes.MARK: mark, "PYTHONDONTWRITEBYTECODE": "1"}
    return base | dict(extra or {})


class Server:
    """A started command. Ends with `stop`; what it leaves behind is told by `leftovers`."""

    #: Commands started here, whose exit statuses are theirs to take.
    _started: ClassVar[set[int]] = set()

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        folder: Path,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        prefix: Sequence[str] = (),
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.directory = directory
        #: Ours for this server: logs, sources, and what its application records.
        self.folder = folder
        self.log = Log(folder / "stderr.log")
        self.stdout = folder / "stdout.log"
        self.arguments = list(arguments)
        self.expected_code = 0
        self._addresses: list[str | tuple[str, int]] = []
        self._family: frozenset[int] = frozenset()
        self._allowed = 0
        self._looks = 0
        command = [*prefix, str(executable()), *arguments]
        with self.log.path.open("wb") as errors, self.stdout.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment(self.mark, env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        self._started.add(self._process.pid)

    def __repr__(self) -> str:
        return f"<rickhouse {shlex.join(self.arguments)}, pid {self.pid}>"

    # Starting

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def wait_ready(self, deadline: float = 30.0) -> Server:
        """Until every worker has loaded the application."""
        until(self._ready_or_over, "the server to be ready", deadline)
        if self.returncode is not None:
            raise DidNotStart(f"exit {self.returncode}:\n{self.log.text()}")
        return self

    def _ready_or_over(self) -> bool:
        return bool(self.log.search(messages.READY)) or self.returncode is not None

    def wait_exit(self, deadline: float = 30.0) -> int:
        """The exit status; a negative one names the signal that killed it."""
        try:
            return self._process.wait(deadline * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} did not end:\n{self.log.text()}") from None

    # Talking

    @property
    def addresses(self) -> list[str | tuple[str, int]]:
        """Where it listens, in the order of `--bind`: (host, port), or the path of a socket.

        Said once, when it starts: the log may have been rotated since.
        """
        if not self._addresses:
            self._addresses = self._logged_addresses()
        return self._addresses

    def _logged_addresses(self) -> list[str | tuple[str, int]]:
        found: list[tuple[int, str | tuple[str, int]]] = []
        text = self.log.text()
        for match in re.finditer(messages.LISTENING_TCP, text):
            found.append((match.start(), (match[1].strip("[]"), int(match[2]))))
        for match in re.finditer(messages.LISTENING_UNIX, text):
            found.append((match.start(), match[1].strip("\"'")))
        return list(dict.fromkeys(address for _, address in sorted(found)))

    @property
    def port(self) -> int:
        address = self.addresses[0]
        assert isinstance(address, tuple)
        return address[1]

    def connect(self, index: int = 0, timeout: float = 20.0 * PATIENCE) -> Connection:
        return Connection(self.addresses[index], timeout)

    def get(self, target: str = "/", **headers: str) -> Response:
        """A request on a connection of its own."""
        with self.connect() as connection:
            return connection.get(target, Connection="close", **headers)

    def post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> Response:
        with self.connect() as connection:
            return connection.post(target, body, {"Connection": "close", **(headers or {})})

    def recorded(self, name: str) -> list[str]:
        """Lines the application appended with `toolkit.record`."""
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def release(self, name: str) -> None:
        """Lets an application go on that waits in `toolkit.wait_for`."""
        (self.folder / name).touch()

    # Processes

    def workers(self) -> list[int]:
        """Pids of the worker processes alive now."""
        return sorted(each.pid for each in processes.children(self.pid) if not each.zombie)

    def family(self) -> list[int]:
        below = [each.pid for each in processes.descendants(self.pid) if not each.zombie]
        return [self.pid, *below]

    def descriptors(self) -> int:
        return sum(len(processes.descriptors(pid)) for pid in self.family())

    def describe_descriptors(self) -> str:
        lines = []
        for pid in self.family():
            links = processes.descriptors(pid)
            lines += [f"{pid} {fd} -> {link}" for fd, link in sorted(links.items())]
        return "\n".join(lines)

    def settle_descriptors(self) -> None:
        """Fails when more descriptors stay open than did after the first few tests.

        What is opened once, on the first use of something, is no leak; what a test leaves open
        after that is, and is reported once.
        """
        family = frozenset(self.family())
        if self._family != family:
            self._family, self._allowed, self._looks = family, 0, 0
        self._looks += 1
        if self._looks <= _WARM_UP:
            self._allowed = max(self._allowed, self.descriptors())
            return
        allowed = self._allowed
        try:
            until(lambda: self.descriptors() <= allowed, "descriptors to be closed", 10)
        except AssertionError as error:
            self._allowed = self.descriptors()
            still = self.describe_descriptors()
            raise AssertionError(f"{error}, {allowed} allowed:\n{still}") from None

    # Ending

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, number: int = SIGTERM, deadline: float = 30.0) -> int:
        """Asks it to end, waits for it, and returns its exit status."""
        if self.returncode is None:
            self.signal(number)
        return self.wait_exit(deadline)

    def destroy(self) -> None:
        """Ends everything that carries our mark, whatever state it is in."""
        for each in processes.marked(self.mark):
            try:
                os.kill(each.pid, SIGKILL)
            except ProcessLookupError:
                pass
        if self._process.returncode is None:
            self._process.kill()
        self._process.wait(30)

    def leftovers(self) -> list[str]:
        """What an ended server left: processes and socket files."""

        def remaining() -> list[str]:
            processes.reap_adopted(self._started)
            lost = processes.marked(self.mark)
            return [f"process left behind: {each.pid} {each.state} {each.command}" for each in lost]

        found: list[str] = []
        try:
            # A process that was killed needs a moment to disappear; nothing else is waited for.
            until(lambda: not remaining(), "the process tree to be gone", 5)
        except AssertionError:
            found += remaining()
        orphans = processes.reap_orphans(besides=self.pid)
        if self.returncode != -SIGKILL:
            found += [f"child that nobody waited for: {each.command}" for each in orphans]
        for path in self.folder.rglob("*"):
            if path.is_socket() or path.suffix == ".pid":
                found.append(f"file left behind: {path}")
        return found
