"""What is measured: an httpd, and two builds of its WSGI module for the same Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import peers
import rickhouse_builds
from rickhouse_builds import CHECKOUT, Missing

sys.path.insert(0, str(CHECKOUT / "scripts"))
from dev import httpds, pythons  # noqa: E402

ORIGINAL = "mod_wsgi==6.1.1"
OURS, THEIRS = "rickhouse", "mod_wsgi"


@dataclass(frozen=True)
class Setup:
    """One httpd, one Python (`home`), and the module files by name."""

    httpd: httpds.Httpd
    home: str
    python: str
    modules: dict[str, str]


def prepare(command: Path, module: Path | None, say: Callable[[str], None]) -> Setup:
    """Finds and builds what is needed. `module` is measured instead of the one that `command` brings."""
    installation = peers.installation_of(rickhouse_builds.python_of(rickhouse_builds.given(str(command))))
    python = pythons.probe(Path(installation))
    if python is None or not python.shared_library:
        raise Missing(f"{installation} has no shared libpython: httpd modules cannot be built for it")
    try:
        httpd = httpds.obtain(python)
    except httpds.Unavailable as reason:
        raise Missing(f"httpd: {reason}") from None
    ours = str(module) if module else location([str(command), "module-location"])
    theirs = build_original(installation, httpd, say)
    return Setup(httpd, home_of(installation), peers.python_tag(installation), {THEIRS: theirs, OURS: ours})


def build_original(python: str, httpd: httpds.Httpd, say: Callable[[str], None]) -> str:
    """mod_wsgi from PyPI, compiled for this Python and this httpd, kept in the cache."""
    tag = f"{ORIGINAL.replace('==', '-')}-{peers.python_tag(python)}-httpd-{httpd.version}"
    directory = peers.cache_folder() / "bench" / tag
    if not directory.exists():
        say(f"building {ORIGINAL} for httpd {httpd.version}")
        unfinished = directory.with_name(f"{tag}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(unfinished)], check=True)
        pip = [str(unfinished / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        environment = {**os.environ, "APXS": str(httpd.apxs), "LD_LIBRARY_PATH": httpd.library_path}
        # A wheel from pip's own cache may have been built for another httpd.
        done = subprocess.run([*pip, "--no-cache-dir", ORIGINAL], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"pip install {ORIGINAL}: {peers.reason(done.stderr)}")
        unfinished.rename(directory)
    # Not by its command: the environment was renamed, and scripts know the old name.
    code = "from mod_wsgi.express.cli import main; import sys; sys.argv[1:] = ['module-location']; main()"
    return location([str(directory / "bin" / "python"), "-c", code])


def location(command: list[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True)
    path = said.stdout.strip()
    if said.returncode != 0 or not os.path.exists(path):
        raise Missing(f"{' '.join(command[:2])}: {said.stderr.strip() or 'names no module'}")
    return path


def home_of(python: str) -> str:
    code = "import sys; print(sys.base_prefix)"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
