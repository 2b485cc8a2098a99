"""The Python builds of a machine: which there are, and how the missing ones are made."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import fetch
from .fetch import Unavailable
from .paths import SCRIPTS, cache_folder, locked

#: What `make test` covers. The first group is promised; the second is tested where a machine happens to have it.
PROMISED = ("3.12", "3.13", "3.13t", "3.14")
WELCOME = ("3.10", "3.11")

OLDEST = (3, 10)

#: Builds that can be made here: the script under scripts/fetch, the folder in the cache, the executable in that folder,
#: and whether the folder is a root of its own.
RECIPES = {
    "3.13t": ("python-3.13t", "python-3.13t", "bin/python3.13t", False),
    "3.14": ("python-3.14", "forky", "usr/bin/python3.14", True),
}

PROBE = """
import json, os, platform, sys, sysconfig
import ensurepip, ssl, sqlite3, venv
var = sysconfig.get_config_var
folders = [os.path.join(var("LIBDIR"), var("MULTIARCH") or ""), var("LIBDIR")]
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": list(sys.version_info[:3]),
    "free_threaded": bool(var("Py_GIL_DISABLED")),
    "shared_library": bool(var("Py_ENABLE_SHARED"))
    and any(os.path.exists(os.path.join(folder, var("LDLIBRARY"))) for folder in folders),
}))
"""


@dataclass(frozen=True)
class Python:
    """One build of CPython. With a `root` it lives in that folder and runs by chroot."""

    executable: Path
    version: tuple[int, ...]
    free_threaded: bool
    shared_library: bool
    root: Path | None = None

    @property
    def name(self) -> str:
        """`3.13`, or `3.13t` for a free-threaded build."""
        return f"{self.version[0]}.{self.version[1]}{'t' if self.free_threaded else ''}"

    def command(self, *argv: object) -> list[str]:
        """A command line as it must be run to reach this build."""
        words = [str(word) for word in argv]
        return words if self.root is None else [str(SCRIPTS / "in-root"), str(self.root), *words]

    def describe(self) -> str:
        where = f"{self.executable} in {self.root}" if self.root else str(self.executable)
        return f"Python {'.'.join(map(str, self.version))}{'t' if self.free_threaded else ''} ({where})"


def probe(executable: Path, root: Path | None = None) -> Python | None:
    """What an executable is, or None when it is no CPython that can make virtual environments."""
    candidate = Python(executable, (), False, False, root)
    try:
        run = subprocess.run(
            candidate.command(executable, "-I", "-c", PROBE),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )
        facts = json.loads(run.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if facts["implementation"] != "CPython":
        return None
    return Python(executable, tuple(facts["version"]), facts["free_threaded"], facts["shared_library"], root)


@functools.lru_cache(maxsize=None)
def installed() -> list[Python]:
    """The builds of the machine itself, the newest first, one for each name; pyenv's go before those on PATH."""
    found: dict[str, Python] = {}
    for python in filter(None, map(probe, _candidates())):
        known = found.get(python.name)
        if python.version[:2] >= OLDEST and (known is None or python.version > known.version):
            found[python.name] = python
    return sorted(found.values(), key=lambda python: (python.version[:2], not python.free_threaded), reverse=True)


def newest_that_serves() -> Python:
    """The build for somebody who named none: the newest with a GIL, since some packages have no other wheels."""
    for python in installed():
        if not python.free_threaded:
            return python
    raise Unavailable("no CPython 3.10 or later with the venv module was found under pyenv or on PATH")


def obtain(name: str, make: bool = True) -> Python:
    """The build called `name`, found on the machine or in the cache, or else made if `make` allows that."""
    for python in installed():
        # A build without a shared library can serve, but the tests that embed Python could not link it.
        if python.name == name and python.shared_library:
            return python
    if name not in RECIPES:
        raise Unavailable(f"not found under pyenv or on PATH (with a shared libpython), and there is no recipe for {name}")
    return _from_recipe(name, make)


def _from_recipe(name: str, make: bool) -> Python:
    script, folder, executable, is_root = RECIPES[name]
    place = cache_folder() / folder
    root = place if is_root else None
    if is_root and os.geteuid() != 0:
        raise Unavailable("needs root, for chroot")

    def look() -> Python | None:
        if not (place / executable).exists():
            return None
        return probe(Path("/", executable) if is_root else place / executable, root)

    python = look()
    if python is None and not make:
        raise Unavailable("not made yet")
    if python is None:
        with locked(folder):
            python = look() or fetch.make([fetch.script(script), str(place)]) or look()
    if python is None:
        raise Unavailable(f"{place} holds no working build")
    return python


def _candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted(pyenv.glob("versions/3.*")):
        # A shim or a virtual environment of pyenv's is a link to one of the same builds.
        if re.fullmatch(r"3\.\d+\.\d+t?", folder.name) and not folder.is_symlink():
            yield folder / "bin" / "python3"
    for minor in range(OLDEST[1], 20):
        for suffix in ("", "t"):
            found = shutil.which(f"python3.{minor}{suffix}", path=_path_without_shims())
            if found:
                yield Path(found)
    found = shutil.which("python3", path=_path_without_shims())
    if found:
        yield Path(found)


def _path_without_shims() -> str:
    """PATH less pyenv's shims, which exist for versions that are not active and then only print an error."""
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if "shims" not in part)
