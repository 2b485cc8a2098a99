"""The figures that the module is held to: ratios of CPU per request and of memory, and requests that restarts cost."""

from __future__ import annotations

from statistics import median

from figures import Figure, NotMeasured, errors_note, guard
from httpd.memory import DaemonMemory
from httpd.modules import OURS, THEIRS
from httpd.plan import Run
from httpd.restarts import ROTATIONS, RestartSeries
from measure import Series


def cpu_figure(run: Run, all_series: list[Series]) -> Figure:
    """The median of the rounds' own ratios: both sides of each were measured within the same minute."""
    title, target = f"{run.mode}, {run.scenario.title}: CPU per request", f"≤ {run.most:.2f} ×"

    def compute() -> Figure:
        ours, theirs = (whole(all_series, run.name, key) for key in (OURS, THEIRS))
        rounds = [mine.cpu / other.cpu for mine, other in zip(ours.samples, theirs.samples)]
        rates = [mine.rate / other.rate for mine, other in zip(ours.samples, theirs.samples)]
        value = f"{median(rounds):.2f} × (rounds {min(rounds):.2f} to {max(rounds):.2f}), {median(rates):.2f} × its requests/s"
        return Figure(title, target, value, median(rounds) <= run.most, errors_note(ours, theirs))

    return guard(title, target, compute)


def memory_figure(all_memory: list[DaemonMemory]) -> Figure:
    title, target = "daemon, resident memory", "≤ 1.00 ×"

    def compute() -> Figure:
        sizes = {}
        for one in all_memory:
            if one.failure is not None:
                raise NotMeasured(f"{one.key}: {one.failure}")
            sizes[one.key] = one.middle(lambda memory: memory.rss)
        if not sizes:
            raise NotMeasured("not selected")
        ours, theirs = sizes[OURS], sizes[THEIRS]
        value = f"{ours / theirs:.2f} × ({ours / 1e6:.1f} and {theirs / 1e6:.1f} MB, RSS)"
        return Figure(title, target, value, ours <= theirs)

    return guard(title, target, compute)


def restart_figures(all_series: list[RestartSeries]) -> list[Figure]:
    return [restart_figure(rotation, all_series) for rotation in ROTATIONS]


def restart_figure(rotation: str, all_series: list[RestartSeries]) -> Figure:
    """With the socket of a group kept (`Off`) no request may fail; else no more than mod_wsgi's."""
    title = f"graceful restarts, WSGISocketRotation {rotation}: failed requests"
    target = "0" if rotation == "Off" else "≤ its"

    def compute() -> Figure:
        found = {series.key: series for series in all_series if series.rotation == rotation}
        if not found:
            raise NotMeasured("not selected")
        for series in found.values():
            if series.failure is not None:
                raise NotMeasured(f"{series.key}: {series.failure}")
        ours, theirs = found[OURS], found[THEIRS]
        value = f"{ours.failed()} ({ours.kinds()}), mod_wsgi {theirs.failed()} ({theirs.kinds()})"
        return Figure(title, target, value, ours.failed() <= (0 if rotation == "Off" else theirs.failed()))

    return guard(title, target, compute)


def whole(all_series: list[Series], scenario: str, key: str) -> Series:
    for series in all_series:
        if (series.scenario, series.key) == (scenario, key):
            if series.failure is not None or not series.samples:
                raise NotMeasured(f"{key}: {series.failure}")
            return series
    raise NotMeasured("not selected")
