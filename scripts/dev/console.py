"""Running commands so that a person, or a log nobody watches live, can see what goes on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import Sequence

from .paths import CHECKOUT


class Failed(Exception):
    """A command that did not end with 0; its output has been shown already. Without a `status` it was stopped."""

    def __init__(self, command: Sequence[str], reason: str, status: int | None = None) -> None:
        super().__init__(f"{shlex.join(command)}: {reason}")
        self.status = status


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(command: Sequence[object], env: dict[str, str] | None = None, limit: float = 1800, quiet: bool = False) -> None:
    """Runs a command in the checkout, without stdin. After `limit` seconds it is stopped with all that it started.

    With `quiet` its output is shown only when it fails.
    """
    words = [str(word) for word in command]
    sys.stdout.flush()
    process = subprocess.Popen(
        words, cwd=CHECKOUT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, start_new_session=True,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except BaseException as reason:
        _stop(process)
        if isinstance(reason, subprocess.TimeoutExpired):
            raise Failed(words, f"stopped after {limit:.0f} s") from None
        raise
    if process.returncode != 0:
        if output:
            sys.stdout.write(output.decode(errors="replace"))
        raise Failed(words, f"exit status {process.returncode}", process.returncode)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group that `run` made for this command, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
