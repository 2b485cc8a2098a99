"""What /proc says: the processes of a server, their CPU time and memory, and how busy the rest of the machine is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """CPU times in seconds; `reaped` is the time of children that have ended and been waited for."""

    pid: int
    parent: int
    cpu: float
    reaped: float


@dataclass(frozen=True)
class Memory:
    """Bytes. `pss` shares a page among the processes that map it; `private` counts only pages nobody else has."""

    rss: int
    pss: int
    private: int

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss, self.private + other.private)


NO_MEMORY = Memory(0, 0, 0)


def process_tree(root: int) -> list[Process]:
    """The living processes of the tree under `root`, `root` first; empty when it has ended."""
    everything = {process.pid: process for process in _all_processes()}
    children: dict[int, list[Process]] = {}
    for process in everything.values():
        children.setdefault(process.parent, []).append(process)
    tree = [everything[root]] if root in everything else []
    for process in tree:
        tree.extend(children.get(process.pid, []))
    return tree


def tree_cpu(tree: list[Process]) -> float:
    """CPU seconds the tree has used, including children that came and went."""
    return sum(process.cpu + process.reaped for process in tree)


def memory(pid: int) -> Memory:
    """Memory of one process; nothing when it ended meanwhile."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return NO_MEMORY
    return parse_rollup(rollup)


def parse_rollup(text: str) -> Memory:
    """Reads smaps_rollup: a line of addresses, then `Name: N kB` lines."""
    sizes = {}
    for line in text.splitlines()[1:]:
        name, amount = line.split(":")
        sizes[name] = int(amount.split()[0]) * 1024
    return Memory(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def parse_stat(text: str) -> Process:
    """Reads /proc/PID/stat. The command name may hold blanks and parentheses: fields count from the last `)`."""
    pid = int(text[: text.index(" ")])
    fields = text[text.rindex(")") + 2 :].split()
    utime, stime, cutime, cstime = (int(ticks) / TICKS_PER_SECOND for ticks in fields[11:15])
    return Process(pid, parent=int(fields[1]), cpu=utime + stime, reaped=cutime + cstime)


def machine_busy() -> float:
    """CPU seconds that all processes of the machine have used since boot (interrupts left out)."""
    user, nice, system = Path("/proc/stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / TICKS_PER_SECOND


def _all_processes() -> list[Process]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.append(parse_stat(Path(f"/proc/{entry}/stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found
