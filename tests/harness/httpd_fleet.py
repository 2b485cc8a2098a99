"""Starts httpds for tests and judges the state they are left in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import http_client

from . import httpd_config as config
from . import httpd_install as install
from .httpd_server import Httpd, lay_out
from .server import environment


class Fleet:
    """The servers of one scope of tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[Httpd] = []
        self._folders = 0

    def __call__(self, text: str, **options) -> Httpd:
        """Starts an httpd with `text` in its configuration and waits until it serves; see `Httpd` for the options."""
        server = Httpd.__new__(Httpd)
        self.servers.append(server)
        try:
            server.__init__(self._new_folder(), text, **options)
        except BaseException:
            self.servers.remove(server)
            if hasattr(server, "_process"):
                server.destroy()
            raise
        return server

    def _new_folder(self) -> Path:
        self._folders += 1
        return self.folder / str(self._folders)

    def check_running(self) -> list[str]:
        """What the test that just ended left in servers that go on running."""
        found: list[str] = []
        for server in self.servers:
            if server.returncode is not None:
                found.append(f"{server} ended with {server.returncode}:\n{server.said()[-4000:]}")
            server.excuse_the_race()
            found += server.log.complaints()
        return found

    def close(self) -> list[str]:
        """Stops every server and says what was wrong with how it ended."""
        http_client.close_all()
        found: list[str] = []
        for server in self.servers:
            wrong: list[str] = []
            try:
                code = server.stop()
                if code != server.expected_code:
                    wrong.append(f"{server} exited {code}, not {server.expected_code}")
            except AssertionError as error:
                wrong.append(str(error))
            wrong += server.leftovers()
            server.excuse_the_race()
            wrong += server.log.complaints()
            server.destroy()
            if wrong:
                wrong.append(f"log of {server}:\n{server.said()[-6000:]}")
            found += wrong
        return found


class SyntaxCheck:
    """Asks `httpd -t` about configurations; nothing is started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        lay_out(folder, {})

    def __call__(self, text: str, modules: tuple[str, ...] = ()) -> str:
        """What it says of a configuration: `Syntax OK`, or the complaint; warnings come before either."""
        path = self._folder / "httpd.conf"
        path.write_text(config.whole(self._folder, [9], text, "event", modules, "info"))
        env = install.httpd().environment(environment("syntax"))
        answer = subprocess.run(
            [install.httpd().binary, "-t", "-f", path], env=env, capture_output=True, text=True, timeout=60
        )
        said = answer.stdout + answer.stderr
        assert (answer.returncode == 0) == ("Syntax OK" in said), f"exit {answer.returncode}: {said}"
        return said
