"""The peers of requirements.txt in a cached virtual environment, one per Python and list of requirements."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from scenarios import BENCH

REQUIREMENTS = BENCH / "requirements.txt"
INSTALL_SECONDS = 900
REASON_LENGTH = 300

Say = Callable[[str], None]


@dataclass(frozen=True)
class Peer:
    """`version` when it is installed, else `problem`: the end of what pip said."""

    name: str
    version: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Environment:
    directory: Path
    peers: dict[str, Peer]

    def program(self, name: str) -> str:
        return str(self.directory / "bin" / name)


def cache_folder() -> Path:
    """`$RICKHOUSE_CACHE`, else the user's cache folder."""
    named = os.environ.get("RICKHOUSE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rickhouse"


def prepare(python: str, say: Say) -> Environment:
    """Installs what is missing. A finished environment is used as it is, with the failures it recorded."""
    directory = cache_folder() / "bench" / f"peers-{python_tag(python)}-{digest(REQUIREMENTS)}"
    record = directory / "peers.json"
    # A record without a Python beside it: the installation it was made from is gone.
    if not (record.exists() and (directory / "bin" / "python").exists()):
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([installation_of(python), "-m", "venv", str(directory)], check=True)
        peers = [install(directory, requirement, say) for requirement in requirements(REQUIREMENTS)]
        record.write_text(json.dumps([vars(peer) for peer in peers], indent=2))
    return Environment(directory, {entry["name"]: Peer(**entry) for entry in json.loads(record.read_text())})


def install_beside(python: str, wanted: Path, say: Say) -> Path:
    """A folder for `python`'s module path with everything the requirements file `wanted` names."""
    directory = cache_folder() / "bench" / f"apps-{python_tag(python)}-{digest(wanted)}"
    if not directory.exists():
        say(f"installing {wanted}")
        unfinished = directory.with_name(f"{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(unfinished)]
        subprocess.run([*pip, "-r", str(wanted)], check=True, timeout=INSTALL_SECONDS)
        unfinished.rename(directory)
    return directory


def install(directory: Path, requirement: str, say: Say) -> Peer:
    name = requirement.split("==")[0].split("[")[0].lower()
    say(f"installing {requirement}")
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run([*pip, requirement], capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return Peer(name, problem=f"pip install {requirement} took more than {INSTALL_SECONDS} s")
    if done.returncode != 0:
        return Peer(name, problem=f"pip install {requirement}: {reason(done.stderr)}")
    return Peer(name, version=requirement.split("==")[1])


def reason(stderr: str) -> str:
    """The compiler's or pip's own error lines out of a long report."""
    lines = [line.strip() for line in stderr.splitlines()]
    errors = [line for line in lines if "error:" in line.lower() and "subprocess" not in line]
    return " | ".join((errors or lines)[:3])[:REASON_LENGTH] or "no reason given"


def requirements(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]


def installation_of(python: str) -> str:
    """The Python a virtual environment was made from: what is cached must outlive that environment."""
    code = "import sys; print(getattr(sys, '_base_executable', sys.executable))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def python_tag(python: str) -> str:
    """Version and ABI, as in `3.13.0` or `3.13.5t`."""
    code = "import platform, sys; print(platform.python_version() + getattr(sys, 'abiflags', ''))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
