"""The installed `rickhouse` commands to measure: the checkout's own, and one on the free-threaded build."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from scenarios import BENCH

CHECKOUT = BENCH.parent
FREE_THREADED = "3.13t"


class Missing(Exception):
    """There is no such command; the text says what to do."""


def given(path: str) -> Path:
    """The command line's path, made absolute but not resolved: a virtual environment is known by its link."""
    command = Path(os.path.abspath(path))
    if not os.access(command, os.X_OK):
        raise Missing(f"{command} is not there: `make build` makes it")
    return command


def free_threaded(path: str | None) -> Path:
    """The command named by the option, else the checkout installed on the cached free-threaded build."""
    return given(path) if path is not None else _installed_on_free_threaded()


def python_of(command: Path) -> str:
    """The Python of the virtual environment that a console script is in."""
    return str(command.parent / "python")


def version_of(command: Path) -> str:
    said = subprocess.run([str(command), "--version"], capture_output=True, text=True)
    return said.stdout.strip() or "no version"


def checkout_version() -> str:
    """The commit, with `-dirty` and a digest when files differ from it."""
    git = ["git", "-C", str(CHECKOUT)]
    described = subprocess.run([*git, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    if not described.endswith("-dirty"):
        return described
    changes = subprocess.run([*git, "diff", "HEAD"], capture_output=True).stdout
    return f"{described}-{hashlib.sha256(changes).hexdigest()[:8]}"


def _installed_on_free_threaded() -> Path:
    """A release build in an environment of its own, made anew only when the sources changed."""
    sys.path.insert(0, str(CHECKOUT / "scripts"))
    # Imported only here: nothing else of the benchmark needs the scripts that build.
    from dev import console, environments, paths, pythons

    try:
        python = pythons.obtain(FREE_THREADED)
        environment = environments.Environment(paths.checkout_cache() / f"bench-{FREE_THREADED}", python)
        with paths.locked(f"bench-{paths.checkout_cache().name}"):
            environment.make()
            environment.install_rickhouse("release")
    except (console.Failed, pythons.Unavailable) as reason:
        raise Missing(str(reason)) from None
    return environment.folder / "bin" / "rickhouse"
