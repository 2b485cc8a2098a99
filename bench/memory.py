"""What interpreters and worker processes cost in memory: one to three of each, with the application warmed up."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable

import peers
import proc
from load import LoadFailed, run_wrk
from scenarios import APPS
from server_process import ENVIRONMENT, ServerFailed, ServerProcess, fetch
from servers import CONNECTIONS, Shape, own, rickhouse_entry, workers

COUNTS = (1, 2, 3)
WARM_UP_SECONDS = 2
# What grows by one: worker processes with the main interpreter, or own-GIL interpreters of one worker.
KINDS: dict[str, Callable[[int], Shape]] = {"workers": workers, "own": own}


@dataclass(frozen=True)
class Application:
    """`application` of `module` in `folder`, asked for `path`; `packages` is a folder with what it imports."""

    name: str
    folder: Path
    module: str
    path: str = "/"
    packages: Path | None = None


@dataclass
class MemorySeries:
    """Memory of the whole server (supervisor and workers) by kind and count, one item per round."""

    application: str
    rounds: dict[tuple[str, int], list[proc.Memory]] = field(default_factory=dict)
    failure: str | None = None

    def middle(self, kind: str, count: int) -> proc.Memory:
        """Medians, each of its own column."""
        seen = self.rounds[kind, count]
        return proc.Memory(
            *(int(median(getattr(memory, name) for memory in seen)) for name in ("rss", "pss", "private"))
        )

    def step(self, kind: str) -> float:
        """Bytes of PSS that each further one of `kind` costs, from the first to the last count."""
        first, last = COUNTS[0], COUNTS[-1]
        return (self.middle(kind, last).pss - self.middle(kind, first).pss) / (last - first)


def measure_all(
    command: Path, applications: list[Application], rounds: int, say: Callable[[str], None]
) -> list[MemorySeries]:
    """Interleaves kinds and counts within a round, as the throughput rounds do."""
    all_series = []
    for application in applications:
        series = MemorySeries(application.name)
        all_series.append(series)
        try:
            for number in range(1, rounds + 1):
                _run_round(command, application, series, f"{number}/{rounds}", say)
        except (ServerFailed, LoadFailed) as failure:
            series.failure = str(failure)
            say(f"memory {application.name}: failed: {failure}")
    return all_series


def _run_round(
    command: Path, application: Application, series: MemorySeries, label: str, say: Callable[[str], None]
) -> None:
    for count in COUNTS:
        for kind, shape in KINDS.items():
            seen = measure(command, application, shape(count))
            series.rounds.setdefault((kind, count), []).append(seen)
            say(f"memory {application.name} round {label} {kind} {count}: {seen.pss / 1e6:.1f} MB PSS")


def measure(command: Path, application: Application, shape: Shape) -> proc.Memory:
    folders = [folder for folder in (application.folder, application.packages) if folder]
    entry = rickhouse_entry(command, shape, folders)

    def request(port: int) -> None:
        status, body = fetch(port, application.path)
        if status >= 400:
            raise ServerFailed(f"{application.path} answered {status}: {body[:60]!r}")

    with ServerProcess(lambda port: entry.command(application.module, port), application.folder) as server:
        server.wait_until_right(request)
        run_wrk(server.port, application.path, CONNECTIONS, WARM_UP_SECONDS, None)
        server.check_alive()
        return sum((proc.memory(process.pid) for process in server.tree()), proc.NO_MEMORY)


def hello() -> Application:
    return Application("hello", APPS, "hello")


def django(name: str, project: Path, path: str, python: str, scratch: Path, say: Callable[[str], None]) -> Application:
    """A copy of the project in `scratch`, made ready by its own prepare.py, so that the checkout stays as it is."""
    packages = sorted(file.parent.name for file in project.glob("*/wsgi.py"))
    if not packages:
        raise ServerFailed(f"{project} has no package with a wsgi.py")
    folder = scratch / project.name
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3", "var"))
    imported = peers.install_beside(python, folder / "requirements.txt", say)
    environment = {**ENVIRONMENT, "PYTHONPATH": str(imported)}
    done = subprocess.run([python, "prepare.py"], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerFailed(f"{project.name}/prepare.py: {' | '.join(done.stderr.strip().splitlines()[-2:])}")
    return Application(name, folder, f"{packages[0]}.wsgi", path, imported)
