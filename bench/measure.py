"""One measurement of one server, and the rounds that repeat it for all of them in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable

import proc
from load import Load, LoadFailed, run_wrk
from scenarios import APPS, Scenario
from server_process import ServerFailed, ServerProcess, check_answer
from servers import Entry

WARM_UP_SECONDS = 1
# A process that used less than this part of the server's CPU time only watches over the workers.
WORKER_SHARE = 0.05


@dataclass(frozen=True)
class Sample:
    """What one run showed. Latencies in ms, CPU per request in µs, memory in bytes (summed over the workers);
    `others` and `generator` are the CPU cores that other programs and wrk used meanwhile."""

    rate: float
    p50: float
    p99: float
    cpu: float
    rss: int
    pss: int
    errors: int
    others: float
    generator: float


@dataclass
class Series:
    """All runs of one entry in one scenario; `failure` says why there are no (more) runs."""

    scenario: str
    key: str
    family: str
    samples: list[Sample] = field(default_factory=list)
    failure: str | None = None
    error_kinds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Clock:
    """Times read together, before and after a run."""

    wall: float
    machine: float
    tree: list[proc.Process]

    @staticmethod
    def read(server: ServerProcess) -> Clock:
        return Clock(time.monotonic(), proc.machine_busy(), server.tree())


def run_rounds(
    scenario: Scenario, entries: list[Entry], rounds: int, seconds: int, say: Callable[[str], None]
) -> list[Series]:
    """Runs every entry once per round, A B C … A B C …, so that all see the same quiet and noisy times."""
    all_series = [Series(scenario.name, entry.key, entry.family) for entry in entries]
    for number in range(1, rounds + 1):
        for entry, series in zip(entries, all_series):
            if series.failure is None:
                _run_once(scenario, entry, series, seconds)
                say(f"{scenario.name} round {number}/{rounds} {entry.key}: {_brief(series)}")
    return all_series


def _run_once(scenario: Scenario, entry: Entry, series: Series, seconds: int) -> None:
    try:
        sample, load = measure(scenario, entry, seconds)
    except (ServerFailed, LoadFailed) as failure:
        series.failure = str(failure)
        return
    series.samples.append(sample)
    for kind, count in load.errors.items():
        series.error_kinds[kind] = series.error_kinds.get(kind, 0) + count


def measure(scenario: Scenario, entry: Entry, seconds: int) -> tuple[Sample, Load]:
    """Starts the server, sees that it answers rightly, warms it up, measures, stops it."""
    with ServerProcess(lambda port: entry.command(scenario.module, port), APPS) as server:
        server.wait_until_right(check_answer(scenario))
        run_wrk(server.port, "/", entry.connections, WARM_UP_SECONDS, scenario.post_bytes)
        # Answered only after the requests that the warm-up left unfinished, where a server has one thread for all.
        server.wait_until_right(check_answer(scenario))
        before = Clock.read(server)
        load = run_wrk(server.port, "/", entry.connections, seconds, scenario.post_bytes)
        after = Clock.read(server)
        server.check_alive()
        return summarise(before, after, load), load


def summarise(before: Clock, after: Clock, load: Load) -> Sample:
    server_cpu = proc.tree_cpu(after.tree) - proc.tree_cpu(before.tree)
    machine_cpu = after.machine - before.machine
    wall = after.wall - before.wall
    memory = sum((proc.memory(pid) for pid in worker_pids(before.tree, after.tree)), proc.NO_MEMORY)
    return Sample(
        rate=load.rate,
        p50=load.p50,
        p99=load.p99,
        cpu=server_cpu / load.requests * 1e6,
        rss=memory.rss,
        pss=memory.pss,
        errors=sum(load.errors.values()),
        others=max(0.0, machine_cpu - server_cpu - load.cpu) / wall,
        generator=load.cpu / wall,
    )


def worker_pids(before: list[proc.Process], after: list[proc.Process]) -> list[int]:
    """The processes that did the work between two looks at the tree."""
    earlier = {process.pid: process.cpu for process in before}
    used = {process.pid: process.cpu - earlier.get(process.pid, 0.0) for process in after}
    return [pid for pid, cpu in used.items() if cpu > 0 and cpu >= WORKER_SHARE * sum(used.values())]


def _brief(series: Series) -> str:
    if series.failure is not None:
        return f"failed: {series.failure}"
    last = series.samples[-1]
    return f"{last.rate:,.0f}/s" + (f", {last.errors} errors" if last.errors else "")
