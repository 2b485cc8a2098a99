"""A server as a child process: started, waited for until it answers rightly, stopped with all its children."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable

import proc
from scenarios import Scenario

START_SECONDS = 60
STOP_SECONDS = 15
POLL_SECONDS = 0.02

# What servers read options from is left out: every configuration is what its command line says.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


class ServerFailed(Exception):
    """The server did not start, or did not answer as it should; the text says why."""


class ServerProcess:
    """Use as a context manager: leaving it ends the server and everything it started, also on Ctrl-C."""

    def __init__(self, command: Callable[[int], list[str]], directory: Path):
        self.port = free_port()
        self._output = tempfile.TemporaryFile()
        # Its own session: a Ctrl-C at the terminal goes to the harness, which stops the server in order.
        self._process = subprocess.Popen(
            command(self.port),
            cwd=directory,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tree(self) -> list[proc.Process]:
        return proc.process_tree(self._process.pid)

    def wait_until_right(self, request: Callable[[int], None]) -> None:
        """Calls `request(port)` until it neither fails to connect nor finds the server gone."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return request(self.port)
            except (OSError, http.client.HTTPException) as error:
                if self._process.poll() is not None:
                    raise ServerFailed(f"ended with status {self._process.returncode}: {self._last_words()}") from None
                if time.monotonic() > deadline:
                    raise ServerFailed(f"no answer in {START_SECONDS} s ({error}): {self._last_words()}") from None
            time.sleep(POLL_SECONDS)

    def check_alive(self) -> None:
        if self._process.poll() is not None:
            raise ServerFailed(f"ended under load with status {self._process.returncode}: {self._last_words()}")

    def stop(self) -> None:
        """SIGTERM, then after a while SIGKILL; returns when no process of the tree is left."""
        tree = [process.pid for process in self.tree()]
        self._process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self._is_any_running(tree):
            if time.monotonic() > deadline:
                kill_all(tree)
            time.sleep(POLL_SECONDS)
        self._process.wait()
        self._output.close()

    def _is_any_running(self, tree: list[int]) -> bool:
        return self._process.poll() is None or any(_is_running(pid) for pid in tree)

    def _last_words(self) -> str:
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-4:]) or "it printed nothing"


def free_port() -> int:
    """A port nobody listens on now. The servers cannot all be handed a socket, so another process may take it first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_answer(scenario: Scenario) -> Callable[[int], None]:
    """A request of the scenario; a wrong answer is `ServerFailed`, no connection is `OSError`."""

    def request(port: int) -> None:
        status, body = fetch(port, "/", b"x" * scenario.post_bytes if scenario.post_bytes else None)
        if status != 200 or not scenario.is_right(body):
            raise ServerFailed(f"wrong answer: status {status}, {len(body)} bytes starting {body[:60]!r}")

    return request


def fetch(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST" if body is not None else "GET", path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _is_running(pid: int) -> bool:
    """A zombie counts as ended: its parent has gone or will collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
