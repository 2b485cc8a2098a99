"""One running httpd, from outside."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import textwrap
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1

from http_client import Connection, Response

from . import httpd_config as config
from . import httpd_event_race as event_race
from . import httpd_install as install
from . import processes
from .httpd_log import HttpdLog
from .server import environment
from .wait import PATIENCE, until

#: Each MPM says so with a number of its own, once for every generation.
_RESUMING = r"AH\d+: .*configured -- resuming normal operations"
_STARTING = r"Starting daemon process '{}' with "
_PORT_TAKEN = r"AH00072: .*could not bind"
_ATTEMPTS = 5


class DidNotStart(AssertionError):
    """httpd ended before it served."""


def free_ports(count: int) -> list[int]:
    """Ports the system had free just now; another process may take one, so the start is tried again."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def lay_out(folder: Path, scripts: Mapping[str, str]) -> None:
    """The folders of a server; whom its children become may write there."""
    for path in (folder, folder / "run", folder / "htdocs", folder / "scripts"):
        path.mkdir(exist_ok=True)
        path.chmod(0o777 if path == folder else 0o755)
    for name, source in scripts.items():
        path = folder / "scripts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))


class Httpd:
    """A started httpd. Ends with `stop`; what it leaves behind is told by `leftovers`."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        mpm: str | None = None,
        modules: tuple[str, ...] = (),
        scripts: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        level: str = "info",
        ports: int = 1,
        unprivileged: bool = False,
        typed: str | None = None,
    ) -> None:
        self.folder = folder
        self.mpm = mpm or install.mpm()
        self.mark = uuid.uuid4().hex
        self.log = HttpdLog(folder / "error.log")
        self.expected_code = 0
        #: What a person types who debugs this server: it is started by `httpd -X` then.
        self._typed = typed
        self._ends: list[event_race.End] = []
        self._text, self._modules, self._level = text, modules, level
        self._env = {"E2E_FOLDER": str(folder), **(env or {})}
        lay_out(folder, scripts or {})
        # Where root runs the tests, httpd is an ordinary user's on demand.
        self._identity = install.as_ordinary_user() if unprivileged else ()
        if self._identity:
            user = install.ordinary_user()
            os.chown(folder / "run", user.pw_uid, user.pw_gid)
        self._start(ports)

    def __repr__(self) -> str:
        return f"<httpd in {self.folder}, pid {self.pid}>"

    # Starting

    def _start(self, ports: int) -> None:
        for attempt in range(_ATTEMPTS):
            self.ports = free_ports(ports)
            self.configure(self._text)
            self._launch()
            try:
                return self._wait_ready()
            except DidNotStart:
                taken = re.search(_PORT_TAKEN, self.said())
                if not taken or attempt == _ATTEMPTS - 1:
                    raise
                self.log.path.unlink(missing_ok=True)

    def configure(self, text: str) -> None:
        """Writes the configuration; the next restart reads it."""
        self._text = text
        whole = config.whole(self.folder, self.ports, text, self.mpm, self._modules, self._level)
        self.configuration.write_text(whole)

    @property
    def configuration(self) -> Path:
        return self.folder / "httpd.conf"

    def _launch(self) -> None:
        mode = "-DFOREGROUND" if self._typed is None else "-X"
        command = [*install.prefix(), *self._identity, str(install.httpd().binary), mode, "-f", str(self.configuration)]
        env = install.httpd().environment(environment(self.mark, self._env))
        read = Path(os.devnull)
        if self._typed is not None:
            read = self.folder / "typed"
            read.write_text(self._typed)
        with (self.folder / "stderr.log").open("wb") as errors, read.open("rb") as typed:
            self._process = subprocess.Popen(
                command, cwd="/", env=env, stdin=typed, stdout=errors, stderr=errors, start_new_session=True,
                preexec_fn=processes.end_with_parent,
            )  # fmt: skip
        # Another user's process may be beyond the limits that this one may set.
        if event_race.cores_can_be_had() and not self._identity:
            # Before it forks: what a child leaves tells a crash of the MPM from one of the module.
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (hard, hard))

    def _wait_ready(self) -> None:
        until(lambda: self._is_ready() or self.returncode is not None, "httpd to be ready", 30)
        if self.returncode is not None:
            raise DidNotStart(f"exit {self.returncode}:\n{self.said()}")

    def _is_ready(self) -> bool:
        if self._typed is None:
            return self.generations() > 0
        # Of a single process no record says that it serves.
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> str:
        """What went to standard error before the log was open, and the log."""
        return (self.folder / "stderr.log").read_text(errors="replace") + self.log.text()

    def generations(self) -> int:
        """How many times it has started to serve."""
        return self.log.count(_RESUMING)

    # Talking

    @property
    def port(self) -> int:
        return self.ports[0]

    def connect(self, timeout: float = 30.0 * PATIENCE, port: int = 0) -> Connection:
        return Connection(("127.0.0.1", self.ports[port]), timeout)

    def request(self, method: str, target: str, headers=None, body: bytes | None = None, **more) -> Response:
        """A request on a connection of its own."""
        with self.connect() as connection:
            named = [*(headers.items() if isinstance(headers, dict) else headers or []), ("Connection", "close")]
            return connection.request(method, target, named, body, **more)

    def get(self, target: str = "/", headers=None, **more) -> Response:
        return self.request("GET", target, headers, **more)

    def post(self, target: str, body: bytes, headers=None) -> Response:
        return self.request("POST", target, headers, body)

    def recorded(self, name: str) -> list[str]:
        """Lines the application appended with `toolkit.record`."""
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def release(self, name: str) -> None:
        """Lets an application go on that waits in `toolkit.wait_for`."""
        (self.folder / name).touch()

    def access_log(self) -> list[str]:
        path = self.folder / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def script(self, name: str) -> Path:
        return self.folder / "scripts" / name

    # Processes

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def daemons(self, group: str = "[^']+") -> list[int]:
        """Pids of the living daemons of a group, the oldest first: each says in the log that it starts."""
        started = [record.pid for record in self.log.records(_STARTING.format(group))]
        return [pid for pid in dict.fromkeys(started) if processes.alive(pid)]

    def wait_daemons(self, group: str, count: int = 1, besides: tuple[int, ...] = ()) -> list[int]:
        """Until `count` daemons of the group live that are none of `besides`."""

        def fresh() -> list[int]:
            found = [pid for pid in self.daemons(group) if pid not in besides]
            return found if len(found) >= count else []

        return until(fresh, f"{count} daemons of {group}", 20)

    def children(self) -> list[int]:
        """Pids of the children of the MPM."""
        below = [each.pid for each in processes.children(self.pid) if not each.zombie]
        return sorted(set(below) - set(self.daemons()))

    def sockets(self) -> list[Path]:
        return sorted(path for path in (self.folder / "run").rglob("*") if path.is_socket())

    def parent_descriptors(self) -> dict[int, str]:
        return processes.descriptors(self.pid)

    # Restarting and ending

    def signal(self, number: int) -> None:
        if number in (SIGTERM, SIGINT, SIGHUP):
            self._ends.append(event_race.End(self.log.mark(), tuple(self.children())))
        self._process.send_signal(number)

    def excuse_the_race(self) -> None:
        """Explains what the event MPM's own race left in the log since this was last asked."""
        event_race.excuse(self.log, self.mpm, self._ends, _RESUMING, self.folder)
        self._ends = []

    def graceful(self) -> None:
        self._renew(SIGUSR1)

    def restart(self) -> None:
        self._renew(SIGHUP)

    def _renew(self, number: int) -> None:
        before = self.generations()
        self.signal(number)
        until(lambda: self.generations() > before or self.returncode is not None, "the next generation", 30)
        assert self.returncode is None, self.said()

    def stop(self, number: int = SIGTERM) -> int:
        if self.returncode is None:
            self.signal(number)
        return self.wait_exit()

    def wait_exit(self, deadline: float = 30.0) -> int:
        try:
            return self._process.wait(deadline * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} did not end:\n{self.log.text()[-4000:]}") from None

    def kill(self) -> None:
        """Ends the parent as a crash would."""
        self._process.kill()
        self._process.wait(30)
        self.expected_code = -SIGKILL

    def destroy(self) -> None:
        """Ends everything that carries our mark, whatever state it is in."""
        end = time.monotonic() + 30
        while left := [each for each in processes.marked(self.mark) if not each.zombie]:
            for each in left:
                try:
                    os.kill(each.pid, SIGKILL)
                except ProcessLookupError:
                    pass
            if time.monotonic() > end:
                raise AssertionError(f"processes that SIGKILL does not end: {left}")
        self._process.wait(30)
        shutil.rmtree(self.folder / "run", ignore_errors=True)

    def leftovers(self) -> list[str]:
        """What an ended httpd left: processes, sockets, locks and listening ports."""

        def remaining() -> list[str]:
            processes.reap_adopted({self.pid})
            lost = processes.marked(self.mark)
            return [f"process left behind: {each.pid} {each.state} {each.command}" for each in lost]

        found: list[str] = []
        try:
            until(lambda: not remaining(), "the processes to be gone", 5)
        except AssertionError:
            found += remaining()
        found += [f"socket left behind: {path}" for path in self.sockets()]
        found += [f"lock left behind: {path}" for path in (self.folder / "run").glob("*.lock")]
        for port in self.ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    found.append(f"port {port} still open")
        return found
