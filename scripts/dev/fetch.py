"""Running the scripts of scripts/fetch, which make what a machine lacks."""

from __future__ import annotations

import subprocess
import sys
from typing import Sequence

from .paths import SCRIPTS


class Unavailable(Exception):
    """Something that this machine does not have and cannot get; the text says why."""


def script(name: str) -> str:
    return str(SCRIPTS / "fetch" / name)


def make(command: Sequence[str]) -> None:
    """Runs a fetch script, showing what it says. Its last line is the reason if it fails."""
    last = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stderr:
            sys.stderr.write(line)
            last = line.strip() or last
    if run.returncode != 0:
        raise Unavailable(last or f"{command[0]} ended with {run.returncode}")
