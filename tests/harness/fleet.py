"""Starts servers for tests and judges the state they are left in."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import http_client

from .command import GilMode
from .server import Server

APPS = Path(__file__).resolve().parents[1] / "apps"


class Fleet:
    """The servers of one scope of tests (a test, or a module)."""

    def __init__(self, folder: Path, mode: GilMode | None = None) -> None:
        self._folder = folder
        self._mode = mode
        self.servers: list[Server] = []

    def __call__(
        self,
        target: str | None = None,
        *options: str,
        app: str | None = None,
        env: Mapping[str, str] | None = None,
        bind: str | None = "127.0.0.1:0",
        cwd: Path | None = None,
        mode: GilMode | None = None,
        ready: bool = True,
        pass_fds: Sequence[int] = (),
        prefix: Sequence[str] = (),
    ) -> Server:
        """Starts `rickhouse serve TARGET OPTIONS` and waits until it is ready.

        `app` is the source of an `app.py` to serve; a `target` without it names one of
        `tests/apps`. Options of the GIL mode of the test are added.
        """
        folder = self._folder / f"server{len(self.servers)}"
        folder.mkdir()
        directory = cwd or folder
        if app is not None:
            (folder / "app.py").write_text(textwrap.dedent(app))
            target = target or "app:application"
        elif cwd is None:
            directory = APPS
        mode = mode or self._mode
        arguments = ["serve", *([target] if target else [])]
        arguments += ["--bind", bind] if bind else []
        arguments += [*(mode.options if mode else ()), *map(str, options)]
        server = Server(
            arguments,
            directory=directory,
            folder=folder,
            env={"E2E_FOLDER": str(folder), **(env or {})},
            pass_fds=pass_fds,
            prefix=prefix,
        )
        self.servers.append(server)
        return server.wait_ready() if ready else server

    def check_running(self) -> list[str]:
        """What the test that just ended left in servers that go on running."""
        http_client.close_all()
        found: list[str] = []
        for server in self.servers:
            if server.returncode is not None:
                found.append(f"{server} ended with {server.returncode}:\n{server.log.text()}")
                continue
            try:
                server.settle_descriptors()
            except AssertionError as error:
                found.append(str(error))
            found += server.log.complaints()
        return found

    def close(self) -> list[str]:
        """Stops every server and says what was wrong with how it ended."""
        http_client.close_all()
        found: list[str] = []
        for server in self.servers:
            try:
                code = server.stop()
                if code != server.expected_code:
                    found.append(f"{server} exited {code}, not {server.expected_code}")
            except AssertionError as error:
                found.append(str(error))
                server.destroy()
            found += server.leftovers()
            found += server.log.complaints()
            server.destroy()
            if found:
                found.append(f"log of {server}:\n{server.log.text()[-6000:]}")
        return found
