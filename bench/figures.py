"""The figures rickhouse is held to, computed from the rounds. A figure is a ratio or a difference with a limit."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Callable

from measure import Sample, Series
from memory import MemorySeries

MB = 1e6
SLEEP_LIMIT = 64 / 0.010  # 64 threads, each 10 ms
GENERATOR_LIMIT = 0.9  # cores: beyond, wrk's one thread decides the rate
# title and target
SLEEP = ("10 ms sleep, 64 threads / 6,400 per s", "≥ 0.95 ×, no errors")
WORKER_MEMORY = ("hello, memory of the worker − FastPySGI", "≤ 15 MB")


@dataclass(frozen=True)
class Figure:
    """`value` is None where it could not be measured, and `note` says why."""

    title: str
    target: str
    value: str | None = None
    reached: bool | None = None
    note: str = ""


Table = dict[tuple[str, str], Series]
Lookup = Callable[[str, str], Series]


class NotMeasured(Exception):
    """A run that a figure needs is missing."""


def throughput_figures(all_series: list[Series], absent: dict[str, str]) -> list[Figure]:
    """`absent` says why a whole family of servers (`rickhouse-off`, `bjoern`, …) was not run."""
    table = {(series.scenario, series.key): series for series in all_series}

    def compare(title: str, scenario: str, ours: str, theirs: str, least: float) -> Figure:
        return guard(title, f"≥ {least:g} ×", lambda: ratio(title, least, find(scenario, ours), find(scenario, theirs)))

    def find(scenario: str, key: str) -> Series:
        return usable(table, scenario, key, absent)

    return [
        compare("hello, one thread / FastPySGI", "hello", "rickhouse-main-1t", "fastpysgi-1t", 1.1),
        compare("hello, one thread / granian, one", "hello", "rickhouse-main-1t", "granian-1t", 2),
        compare("hello, eight threads / granian, eight", "hello", "rickhouse-main-8t", "granian-8t", 2),
        compare("hello, eight threads / own one thread", "hello", "rickhouse-main-8t", "rickhouse-main-1t", 0.85),
        compare("CPU-bound, own GIL, 2 interpreters / 1", "cpu", "rickhouse-own-2i-1t", "rickhouse-own-1i-1t", 1.9),
        compare("CPU-bound, free-threaded, 2 threads / 1", "cpu", "rickhouse-off-2t", "rickhouse-off-1t", 1.8),
        compare("1 MiB, one thread / FastPySGI", "1mib", "rickhouse-main-1t", "fastpysgi-1t", 1),
        guard(*SLEEP, lambda: sleep(find("sleep", "rickhouse-main-64t"))),
        guard(*WORKER_MEMORY, lambda: worker_memory(find)),
    ]


def memory_figures(all_series: list[MemorySeries], absent: dict[str, str]) -> list[Figure]:
    """What a further interpreter costs, against a further worker process, for every application measured."""
    figures = []
    for series in all_series:
        title, target = f"memory, {series.application}: interpreter / worker", "≤ 60 %"
        if series.failure is not None:
            figures.append(Figure(title, target, note=series.failure))
        else:
            interpreter, worker = series.step("own"), series.step("workers")
            value = f"{interpreter / worker:.0%} ({interpreter / MB:.1f} of {worker / MB:.1f} MB)"
            figures.append(Figure(title, target, value, interpreter <= 0.6 * worker))
    if not all_series:
        figures.append(Figure("memory: interpreter / worker", "≤ 60 %", note=absent.get("rickhouse", "not selected")))
    return figures


def guard(title: str, target: str, compute: Callable[[], Figure]) -> Figure:
    try:
        return compute()
    except NotMeasured as missing:
        return Figure(title, target, note=str(missing))


def usable(table: Table, scenario: str, key: str, absent: dict[str, str]) -> Series:
    series = table.get((scenario, key))
    if series is not None and series.samples:
        return series
    if series is not None:
        raise NotMeasured(f"{key}: {series.failure}")
    families = [name for name in absent if key.startswith(name)]
    if not families:
        raise NotMeasured(f"{key} was not selected")
    most_exact = max(families, key=len)
    raise NotMeasured(f"{most_exact}: {absent[most_exact]}")


def ratio(title: str, least: float, ours: Series, theirs: Series) -> Figure:
    """The median of the rounds' own ratios: both sides of each were measured within the same minute."""
    rounds = [mine.rate / other.rate for mine, other in zip(ours.samples, theirs.samples)]
    value = f"{median(rounds):.2f} × (rounds {min(rounds):.2f} to {max(rounds):.2f})"
    notes = [errors_note(ours, theirs), generator_note(ours, theirs)]
    return Figure(title, f"≥ {least:g} ×", value, median(rounds) >= least, "; ".join(filter(None, notes)))


def sleep(series: Series) -> Figure:
    part = middle(series, lambda sample: sample.rate) / SLEEP_LIMIT
    clean = not any(sample.errors for sample in series.samples)
    return Figure(*SLEEP, f"{part:.3f} ×", part >= 0.95 and clean, errors_note(series))


def worker_memory(find: Lookup) -> Figure:
    ours = middle(find("hello", "rickhouse-main-1t"), lambda sample: sample.rss)
    theirs = middle(find("hello", "fastpysgi-1t"), lambda sample: sample.rss)
    value = f"{(ours - theirs) / MB:+.1f} MB ({ours / MB:.1f} and {theirs / MB:.1f} MB, RSS)"
    return Figure(*WORKER_MEMORY, value, ours - theirs <= 15 * MB)


def middle(series: Series, of: Callable[[Sample], float]) -> float:
    return median(of(sample) for sample in series.samples)


def generator_note(ours: Series, theirs: Series) -> str:
    """A rate that wrk could not drive higher hides the difference; what both spend on a request does not."""
    if middle(ours, lambda sample: sample.generator) < GENERATOR_LIMIT:
        return ""
    by_cpu = middle(theirs, lambda sample: sample.cpu) / middle(ours, lambda sample: sample.cpu)
    return f"wrk was at its limit, by CPU per request it is {by_cpu:.2f} ×"


def errors_note(*all_series: Series) -> str:
    counts = {series.key: sum(sample.errors for sample in series.samples) for series in all_series}
    return ", ".join(f"{key}: {count} errors" for key, count in counts.items() if count)
