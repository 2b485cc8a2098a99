"""The memory of one daemon process that has served hello."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable

import proc
from httpd.configuration import THREADS_OF_CHILD, Httpd
from httpd.modules import OURS, THEIRS
from httpd.plan import CONNECTIONS, HELLO
from load import LoadFailed, run_wrk
from scenarios import APPS
from server_process import ServerFailed, ServerProcess, check_answer

WARM_UP_SECONDS = 2


@dataclass
class DaemonMemory:
    """One item per round."""

    key: str
    seen: list[proc.Memory] = field(default_factory=list)
    failure: str | None = None

    def middle(self, of: Callable[[proc.Memory], int]) -> float:
        return median(of(memory) for memory in self.seen)


def measure_all(httpd: Httpd, rounds: int, say: Callable[[str], None]) -> list[DaemonMemory]:
    all_memory = [DaemonMemory(THEIRS), DaemonMemory(OURS)]
    for number in range(1, rounds + 1):
        for one in all_memory:
            if one.failure is None:
                try:
                    one.seen.append(measure(httpd.serving(one.key, "daemon")))
                    say(f"memory round {number}/{rounds} {one.key}: {one.seen[-1].rss / 1e6:.1f} MB")
                except (ServerFailed, LoadFailed) as failure:
                    one.failure = str(failure)
                    say(f"memory {one.key}: failed: {failure}")
    return all_memory


def measure(command: Callable[[str, int], list[str]]) -> proc.Memory:
    with ServerProcess(lambda port: command(HELLO.module, port), APPS) as server:
        server.wait_until_right(check_answer(HELLO))
        run_wrk(server.port, "/", CONNECTIONS, WARM_UP_SECONDS, None)
        server.check_alive()
        return proc.memory(daemon_of(server))


def daemon_of(server: ServerProcess) -> int:
    """The only process below httpd's own that is not its child with the threads of the MPM."""
    below = [process.pid for process in server.tree()[1:]]
    daemons = [pid for pid in below if threads_of(pid) < THREADS_OF_CHILD]
    if len(daemons) != 1:
        raise ServerFailed(f"there are {len(daemons)} daemons among {len(below)} processes")
    return daemons[0]


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
