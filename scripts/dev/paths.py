"""Where things are: the checkout, the cache outside it, and how two runs stay out of each other's way."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from typing import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = CHECKOUT / "scripts"


def cache_folder() -> Path:
    """The folder for what is made once per machine: $RICKHOUSE_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("RICKHOUSE_CACHE") or Path(base) / "rickhouse")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def checkout_cache() -> Path:
    """The part of the cache that belongs to this checkout alone: two worktrees must not share environments."""
    name = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]
    folder = cache_folder() / "venvs" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds the cache's lock `name`; a second run waits for the first and then finds what it made."""
    with open(cache_folder() / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
