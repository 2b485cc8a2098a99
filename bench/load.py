"""The load generator: one run of wrk and what it saw."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

WRK_LUA = Path(__file__).resolve().parent / "wrk.lua"
GRACE_SECONDS = 20


class LoadFailed(Exception):
    """wrk did not finish, or not with a report."""


@dataclass(frozen=True)
class Load:
    """Counts of one run; `seconds` as wrk measured them, latencies in milliseconds, `cpu` wrk's own in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: dict[str, int]
    cpu: float

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return (self.requests - self.errors["status"]) / self.seconds


def run_wrk(port: int, path: str, connections: int, seconds: int, post_bytes: int | None) -> Load:
    """Keeps `connections` keep-alive connections busy from one thread for `seconds`."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(WRK_LUA), f"http://127.0.0.1:{port}{path}"]
    if post_bytes is not None:
        command += ["--", str(post_bytes)]
    before = _children_cpu()
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        raise LoadFailed("wrk did not end in time") from None
    return parse_output(finished, cpu=_children_cpu() - before)


def parse_output(finished: subprocess.CompletedProcess[str], cpu: float) -> Load:
    lines = finished.stdout.strip().splitlines()
    if finished.returncode != 0 or not lines or not lines[-1].startswith("{"):
        raise LoadFailed(f"wrk: {(finished.stderr or finished.stdout).strip()}")
    seen = json.loads(lines[-1])
    if seen["requests"] == 0:
        raise LoadFailed(f"no request was answered: {seen['errors']}")
    return Load(
        requests=seen["requests"],
        seconds=seen["duration"] / 1e6,
        p50=seen["p50"] / 1e3,
        p99=seen["p99"] / 1e3,
        errors=seen["errors"],
        cpu=cpu,
    )


def _children_cpu() -> float:
    """CPU seconds of children that were waited for; no server ends while wrk runs, so the difference is wrk's."""
    times = os.times()
    return times.children_user + times.children_system
