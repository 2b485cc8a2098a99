"""What the kernel says about processes and their descriptors."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

#: Environment variable that marks every process a server of this suite starts.
MARK = "E2E_MARK"


#: Runs a command where everybody may pass through root's home: a Python below it has to be read by whom a server becomes.
OPEN_HOME = (str(Path(__file__).resolve().parents[2] / "scripts" / "open-home"),)

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it, so that none escapes the tests."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def end_with_parent() -> None:
    """Asks the kernel to end this process when the tests are killed; for `preexec_fn`."""
    _libc.prctl(_PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)


def reap_adopted(own: Collection[int]) -> None:
    """Does what init does for orphans: takes the exit status of every ended one but `own` children.

    A killed supervisor cannot take those of its workers, which then stay zombies of ours.
    """
    for each in children(os.getpid()):
        if each.zombie and each.pid not in own:
            os.waitpid(each.pid, os.WNOHANG)


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    state: str
    command: str

    @property
    def zombie(self) -> bool:
        return self.state in "ZX"


def process(pid: int) -> Process | None:
    """One process, or None when it does not exist (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    name, _, rest = stat.partition("(")[2].rpartition(")")
    state, parent = rest.split()[:2]
    command = b" ".join(words).decode(errors="replace").strip() or f"[{name}]"
    return Process(pid, int(parent), state, command)


def everything() -> list[Process]:
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [found for found in map(process, pids) if found]


def children(pid: int) -> list[Process]:
    return [each for each in everything() if each.parent == pid]


def descendants(pid: int) -> list[Process]:
    by_parent: dict[int, list[Process]] = {}
    for each in everything():
        by_parent.setdefault(each.parent, []).append(each)
    found, wanted = [], [pid]
    while wanted:
        below = by_parent.get(wanted.pop(), [])
        found += below
        wanted += [each.pid for each in below]
    return found


def marked(mark: str) -> list[Process]:
    """Every process started with this mark in its environment, whoever its parent is now."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for each in everything():
        try:
            environment = Path(f"/proc/{each.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment:
            found.append(each)
    return found


def reap_orphans(besides: int) -> list[Process]:
    """Waits for the dead that became our children because their parent ended before them."""
    found = [each for each in children(os.getpid()) if each.zombie and each.pid != besides]
    for each in found:
        os.waitpid(each.pid, os.WNOHANG)
    return found


def alive(pid: int) -> bool:
    found = process(pid)
    return found is not None and not found.zombie


def threads(pid: int) -> int:
    """How many threads a living process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def descriptors(pid: int) -> dict[int, str]:
    """Open descriptors of a process and what each names; empty when the process is gone."""
    folder = Path(f"/proc/{pid}/fd")
    found = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    for name in names:
        try:
            found[int(name)] = os.readlink(folder / name)
        except OSError:
            continue
    return found


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0
