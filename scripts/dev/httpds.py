"""The builds of Apache httpd that tests and benchmarks run: Debian's, unpacked into the cache and never installed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import fetch
from .fetch import Unavailable
from .paths import cache_folder, locked
from .pythons import Python

#: Tells tests the folder of an httpd, which is laid out as a Debian system is below `/`.
FOLDER_VARIABLE = "RICKHOUSE_HTTPD"
#: Tells the build of rickhouse-httpd-sys whose headers to compare its bindings with.
APXS_VARIABLE = "RICKHOUSE_APXS"


@dataclass(frozen=True)
class Httpd:
    """An httpd as its `descriptor.json` describes it. Paths hold inside the root of the Python that it goes with."""

    folder: Path
    version: str
    program: Path
    apxs: Path
    library_path: str

    def environment(self) -> dict[str, str]:
        """What to tell a test or a build that needs this httpd."""
        return {FOLDER_VARIABLE: str(self.folder), APXS_VARIABLE: str(self.apxs)}

    def describe(self) -> str:
        return f"httpd {self.version} ({self.program})"


def obtain(python: Python, make: bool = True) -> Httpd:
    """The httpd to test `python` with, from the same Debian release, made if it is missing and `make` allows that."""
    folder = cache_folder() / f"httpd-{python.root.name if python.root else release()}"
    httpd = _look(folder, python)
    if httpd is None and not make:
        raise Unavailable("not made yet")
    if httpd is None:
        with locked(folder.name):
            httpd = _look(folder, python) or _make(folder, python) or _look(folder, python)
    if httpd is None:
        raise Unavailable(f"{folder} holds no httpd that runs")
    return httpd


def release(file: Path = Path("/etc/os-release")) -> str:
    """The machine's distribution and release, such as `debian-12`."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        raise Unavailable(f"there is no {file} to tell the distribution") from None
    facts = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    return f"{facts.get('ID', 'unknown')}-{facts.get('VERSION_ID') or facts.get('VERSION_CODENAME', 'unknown')}"


def _look(folder: Path, python: Python) -> Httpd | None:
    """What lies in the folder, if it still runs: a library it takes from the machine may have gone since."""
    try:
        facts = json.loads((folder / "descriptor.json").read_text())
    except (OSError, ValueError):
        return None
    found = Httpd(folder, facts["version"], Path(facts["httpd"]), Path(facts["apxs"]), facts["library_path"])
    command = python.command("env", f"LD_LIBRARY_PATH={found.library_path}", found.program, "-v")
    runs = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    return found if runs else None


def _make(folder: Path, python: Python) -> None:
    # Inside the root, where there is one: the script asks apt for the release it runs on.
    fetch.make(python.command(fetch.script("httpd"), folder))
