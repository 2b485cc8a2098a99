"""A race of the event MPM itself when a generation ends at once: told from crashes of the module, counted and limited.

tests/httpd/README.md says what happens in httpd. What it leaves in the log, a child's SIGSEGV or AH00468, is accepted only

* under the event MPM: worker and prefork end without any allowance;
* between a signal that ends a generation at once (SIGTERM, SIGINT, SIGHUP) and the start of the next generation;
* of a process that was the MPM's child when the signal was sent, and for SIGSEGV only;
* if the stack agrees, where gdb is installed and the system leaves core files: see `blames_httpd`;
* not more than `_LIMIT` times in a process that runs tests.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

from . import httpd_install as install
from .httpd_log import HttpdLog, Record

_CRASH = re.compile(r"AH0005[12]: child pid (\d+) exit signal Segmentation fault \(11\)(?:, possible coredump in .*)?$")
#: The same race, met a little earlier: the socket's memory is still there, and its descriptor closed already.
_CLOSED = re.compile(r"AH00468: error closing socket$")
_LIMIT = 2
_seen = 0

#: Prints a line for each frame: its thread, whether a signal handler runs in it, its object file, its function.
_FRAMES = """
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
        kind = "handler" if frame.type() == gdb.SIGTRAMP_FRAME else "frame"
        print("\\t".join(("FRAME", str(thread.num), kind, gdb.solib_name(frame.pc()) or "-", frame.name() or "-")))
        frame = frame.older()
"""
#: What the MPM does first with the socket of a worker that it closes.
_TOUCHES = {"apr_socket_timeout_set", "apr_os_sock_get", "apr_socket_close"}


class EventRace(UserWarning):
    """One trace of the race that was accepted; pytest's summary counts and shows them."""


@dataclass(frozen=True)
class End:
    """A signal that ended a generation: where the log was, and who the children were."""

    since: int
    children: tuple[int, ...]


@functools.cache
def cores_can_be_had() -> bool:
    """Whether the stack of a child that crashed can be looked at."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    return shutil.which("gdb") is not None and bool(pattern) and "/" not in pattern and "|" not in pattern


def excuse(log: HttpdLog, mpm: str, ends: list[End], resuming: str, cores: Path) -> None:
    """Explains what the race left in the log after each of `ends`; a record of `resuming` is the next generation's first."""
    if mpm != "event":
        return
    for end in ends:
        for record in log.records("", end.since):
            if re.match(resuming, record.text):
                break
            if _is_of_the_race(record, end, cores):
                _accept(log, record)


def _is_of_the_race(record: Record, end: End, cores: Path) -> bool:
    if _CLOSED.match(record.text):
        return record.pid in end.children
    crash = _CRASH.match(record.text)
    if crash is None or int(crash[1]) not in end.children:
        return False
    stack = frames(cores, int(crash[1]))
    if stack and not blames_httpd(stack):
        # pytest shows it with the failure that follows.
        print(f"the stacks of {crash[1]}:\n{stack}")
        return False
    return True


def _accept(log: HttpdLog, record: Record) -> None:
    global _seen
    _seen += 1
    if _seen <= _LIMIT:
        log.allow(rf"\[pid {record.pid}\].*{re.escape(record.text)}")
        warnings.warn(f"the event MPM's race at an end ({_seen} of {_LIMIT} accepted): {record.text}", EventRace)


def frames(cores: Path, pid: int) -> str:
    """The frames of every thread of a child that left a core file, or nothing when it left none."""
    found = [core for core in cores.glob("core*") if core.name in ("core", f"core.{pid}")]
    if not found:
        return ""
    command = ["gdb", "--batch", "--nx", "-ex", f"python exec({_FRAMES!r})", install.httpd().binary, found[0]]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60).stdout


def blames_httpd(stack: str) -> bool:
    """Whether the thread that crashed was closing the socket of a worker, with nothing of the module in its stack."""
    threads: dict[str, list[tuple[str, str, str]]] = {}
    for line in stack.splitlines():
        if line.startswith("FRAME\t"):
            _, thread, kind, file, function = line.split("\t")
            threads.setdefault(thread, []).append((kind, Path(file).name, function))
    # httpd's handler sends the signal once more, to whichever thread: who crashed is who runs the handler, if anybody does.
    # Otherwise it is who got the signal: gdb's first thread, which it lists last.
    handling = [each for each in threads.values() if any(kind == "handler" for kind, *_ in each)]
    return any(_closes_a_socket(each) for each in handling or [threads.get("1", [])])


def _closes_a_socket(thread: list[tuple[str, str, str]]) -> bool:
    files = [file for _, file, _ in thread]
    if any(re.match(r"(lib)?mod_wsgi|libpython", file) for file in files) or "mod_mpm_event.so" not in files:
        return False
    # The MPM's own functions are static, without names; what they call is APR's.
    innermost = files.index("mod_mpm_event.so")
    return innermost > 0 and thread[innermost - 1][2] in _TOUCHES
