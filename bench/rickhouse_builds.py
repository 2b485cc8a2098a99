"""The installed `rickhouse` commands to measure: the checkout's own, and one on the free-threaded build."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Callable, Optional

from peers import cache_folder
from scenarios import BENCH

CHECKOUT = BENCH.parent
BUILD_SECONDS = 3600


class Missing(Exception):
    """There is no such command; the text says what to do."""


def given(path: str) -> Path:
    """The command line's path, made absolute but not resolved: a virtual environment is known by its link."""
    command = Path(os.path.abspath(path))
    if not os.access(command, os.X_OK):
        raise Missing(f"{command} is not there: `make build` makes it")
    return command


def free_threaded(path: Optional[str], say: Callable[[str], None]) -> Path:
    """The command named by the option, else the checkout installed on the cached free-threaded build."""
    if path is not None:
        return given(path)
    python = cache_folder() / "python-3.13t" / "bin" / "python3"
    if not python.exists():
        raise Missing(f"no free-threaded build at {python}: `scripts/python-builds 3.13t` makes it")
    return _installed_on(python, say)


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


def _installed_on(python: Path, say: Callable[[str], None]) -> Path:
    """Installs the checkout anew whenever it differs from what was installed last."""
    place = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]
    directory = cache_folder() / "bench" / f"rickhouse-3.13t-{place}"
    stamp, command = directory / "installed-version", directory / "bin" / "rickhouse"
    version = checkout_version()
    if stamp.exists() and stamp.read_text() == version:
        return command
    say(f"installing the checkout ({version}) on {python}")
    stamp.unlink(missing_ok=True)
    subprocess.run([str(python), "-m", "venv", str(directory)], check=True)
    _pip_install(directory)
    stamp.write_text(version)
    return command


def _pip_install(directory: Path) -> None:
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(CHECKOUT / "target" / "bench-3.13t")}
    try:
        done = subprocess.run(
            [*pip, "--force-reinstall", str(CHECKOUT)], env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"installing the checkout took more than {BUILD_SECONDS} s") from None
    if done.returncode != 0:
        raise Missing(f"the checkout does not install on 3.13t: {' | '.join(done.stderr.strip().splitlines()[-3:])}")
