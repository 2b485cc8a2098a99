"""Graceful restarts under load: how many requests fail, and how."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from typing import Callable

from httpd.configuration import Httpd
from httpd.modules import OURS, THEIRS
from httpd.plan import CONNECTIONS, HELLO
from load import Load, LoadFailed, run_wrk
from scenarios import APPS
from server_process import ServerFailed, ServerProcess, check_answer

#: The load lasts this long, with restarts at these times: the second meets the generation that the first made.
SECONDS = 6
RESTARTS = (1.5, 4.0)
#: wrk's word for a connection that ended when an answer was due. httpd's old children close kept connections at a restart,
#: and a request that is just being sent is lost with one: the row of httpd alone says how many, whatever the module does.
RESET = "read"
ALONE = "httpd alone"
ROTATIONS = ("On", "Off")


@dataclass
class RestartSeries:
    """The loads of one server, one for each round. `rotation` is empty for the httpd without a module."""

    key: str
    rotation: str
    loads: list[Load] = field(default_factory=list)
    failure: str | None = None

    def failed(self) -> int:
        """Requests that got a wrong answer or none in time."""
        return sum(count for name, count in self._counts().items() if name != RESET)

    def resets(self) -> int:
        return self._counts().get(RESET, 0)

    def kinds(self) -> str:
        """What `failed` is made of."""
        counts = {name: count for name, count in self._counts().items() if count and name != RESET}
        return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"

    def _counts(self) -> dict[str, int]:
        names = self.loads[0].errors if self.loads else {}
        return {name: sum(load.errors[name] for load in self.loads) for name in names}


def measure_all(httpd: Httpd, rounds: int, say: Callable[[str], None]) -> list[RestartSeries]:
    """Interleaves servers within a round, as the throughput rounds do."""
    commands = {("", ALONE): httpd.static()}
    for rotation in ROTATIONS:
        for key in (THEIRS, OURS):
            commands[rotation, key] = httpd.serving(key, "daemon", f"WSGISocketRotation {rotation}")
    all_series = {which: RestartSeries(key=which[1], rotation=which[0]) for which in commands}
    for number in range(1, rounds + 1):
        for which, command in commands.items():
            series = all_series[which]
            if series.failure is None:
                _run_once(command, series)
                said = series.failure or f"{series.failed()} failed so far ({series.kinds()}), {series.resets()} reset"
                say(f"restarts round {number}/{rounds} {series.key} {series.rotation}: {said}")
    return list(all_series.values())


def _run_once(command: Callable[[str, int], list[str]], series: RestartSeries) -> None:
    try:
        series.loads.append(measure(command))
    except (ServerFailed, LoadFailed) as failure:
        series.failure = str(failure)


def measure(command: Callable[[str, int], list[str]]) -> Load:
    with ServerProcess(lambda port: command(HELLO.module, port), APPS) as server:
        server.wait_until_right(check_answer(HELLO))
        parent = server.tree()[0].pid
        timers = [threading.Timer(after, os.kill, (parent, signal.SIGUSR1)) for after in RESTARTS]
        for timer in timers:
            timer.start()
        try:
            load = run_wrk(server.port, "/", CONNECTIONS, SECONDS, None)
        finally:
            for timer in timers:
                timer.cancel()
        server.check_alive()
        # The last generation serves.
        server.wait_until_right(check_answer(HELLO))
        return load
