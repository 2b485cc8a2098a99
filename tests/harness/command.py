"""The command under test, and what the Python it runs on can do."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

_QUESTION = """
import importlib.util, json, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "packages": [n for n in ("django", "flask", "numpy") if importlib.util.find_spec(n)],
}))
"""


@functools.cache
def executable() -> Path:
    """`$RICKHOUSE`, or the command that `make build` leaves in the checkout."""
    said = os.environ.get("RICKHOUSE")
    found = shutil.which(said) if said else shutil.which(REPOSITORY / ".venv/bin/rickhouse")
    if found is None:
        raise pytest.UsageError(
            f"no rickhouse command at {said or REPOSITORY / '.venv/bin/rickhouse'}: "
            "run `make build`, or name the command in RICKHOUSE"
        )
    return Path(found).absolute()


@functools.cache
def python() -> Path:
    """The interpreter of the environment the command is installed in."""
    return executable().parent / "python"


@dataclass(frozen=True)
class Facts:
    version: tuple[int, int, int]
    free_threaded: bool
    prefix: str
    base_prefix: str
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version)) + ("t" if self.free_threaded else "")


@functools.cache
def facts() -> Facts:
    """Asked of the Python under test, never assumed from the one that runs pytest."""
    answer = subprocess.run(
        [python(), "-c", _QUESTION], check=True, capture_output=True, text=True, timeout=60
    )
    said = json.loads(answer.stdout)
    return Facts(
        version=tuple(said["version"]),
        free_threaded=said["free_threaded"],
        prefix=said["prefix"],
        base_prefix=said["base_prefix"],
        packages=tuple(said["packages"]),
    )


@dataclass(frozen=True)
class GilMode:
    """One way for Python to run in parallel, as the command line names it."""

    name: str
    options: tuple[str, ...]
    interpreters: int

    def __str__(self) -> str:
        return self.name

    @property
    def has_gil(self) -> bool:
        return "off" not in self.options


MAIN = GilMode("main", (), 1)
SHARED = GilMode("shared", ("--gil", "shared", "--interpreters", "2"), 2)
OWN = GilMode("own", ("--gil", "own", "--interpreters", "2"), 2)
OFF = GilMode("off", ("--gil", "off"), 1)
OFF_TWO = GilMode("off-two", ("--gil", "off", "--interpreters", "2"), 2)


@functools.cache
def gil_modes() -> tuple[GilMode, ...]:
    """The modes this Python can do; the first is the default one."""
    if facts().free_threaded:
        return (OFF, OFF_TWO)
    if facts().version >= (3, 12):
        return (MAIN, SHARED, OWN)
    return (MAIN, SHARED)
