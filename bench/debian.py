"""Debian packages the benchmark needs: looked for by what they bring, installed where the user may."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable

# package → how to see that it, or something as good, is there
NEEDED: dict[str, Callable[[], bool]] = {
    "wrk": lambda: shutil.which("wrk") is not None,
    "libev-dev": lambda: any(Path(place, "ev.h").exists() for place in ("/usr/include", "/usr/local/include")),
}


def install_missing(say: Callable[[str], None]) -> None:
    """Installs with apt-get as root; otherwise says what to install and goes on with what is there."""
    missing = [package for package, is_there in NEEDED.items() if not is_there()]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say(f"missing, and not installed because this is not root on Debian: {' '.join(missing)}")
        return
    say(f"apt-get install {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", "-q", *arguments], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            say(f"apt-get {arguments[0]} failed: {done.stderr.strip()}")
