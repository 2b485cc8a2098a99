"""The command: reads options, prepares what is missing, runs the rounds, prints the tables."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import debian
import machine
import memory
import peers
import report
import rickhouse_builds
from figures import memory_figures, throughput_figures
from measure import WARM_UP_SECONDS, Series, run_rounds
from rickhouse_builds import CHECKOUT
from scenarios import APPS, SCENARIOS, Scenario
from server_process import ServerFailed
from servers import PEERS, SHAPES, Entry, Shape, peer_entry, rickhouse_entry

START_AND_STOP_SECONDS = 1.5  # only for the estimate of the duration
MEMORY = "memory"
DJANGO = "Django example"


@dataclass
class Bench:
    """What this machine can run. `absent` gives the reason for every server that cannot be."""

    options: argparse.Namespace
    command: Path | None = None
    free_threaded: Path | None = None
    environment: peers.Environment | None = None
    absent: dict[str, str] = field(default_factory=dict)


def main() -> int:
    options = parse_options()
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # both end in order, also where a shell started this with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        return run(options)
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def run(options: argparse.Namespace) -> int:
    """0 when everything selected was measured, whatever the figures; 1 when something could not be."""
    debian.install_missing(say)
    bench = prepare(options)
    if options.prepare:
        print(report.header({"prepared": str(peers.cache_folder() / "bench")}, bench.absent))
        return 0
    facts = all_facts(bench)
    print(report.header(facts, bench.absent), flush=True)
    all_series = run_scenarios(bench)
    all_memory = run_memory(bench)
    figures = [*throughput_figures(all_series, bench.absent), *memory_figures(all_memory, bench.absent)]
    print(f"\n{report.figures_table(figures)}", flush=True)
    if options.json:
        report.write_json(options.json, facts, bench.absent, all_series, all_memory, figures)
    failed = any(one.failure for one in [*all_series, *all_memory])
    ours_missing = any(name.startswith("rickhouse") for name in bench.absent)
    return 1 if failed or ours_missing else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measure rickhouse and its peers side by side, in interleaved rounds."
    )
    add = parser.add_argument
    names = [*(scenario.name for scenario in SCENARIOS), MEMORY]
    add("--rounds", type=positive, default=5, help="how often each server is measured (default: 5)")
    add("--seconds", type=positive, default=3, help="length of one measurement (default: 3)")
    add("--scenario", action="append", choices=names, help="only this one (repeatable; default: all)")
    add("--only", action="append", metavar="PATTERN", help="only servers that match, such as 'granian-*' (repeatable)")
    add("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    command = str(CHECKOUT / ".venv/bin/rickhouse")
    add("--rickhouse", default=command, metavar="PATH", help="the command to measure (default: .venv/bin/rickhouse)")
    add("--free-threaded", metavar="PATH", help="the command on a free-threaded Python (default: one made for 3.13t)")
    add("--python", metavar="PATH", help="the Python of the peers (default: that of the rickhouse command)")
    add(
        "--django",
        type=Path,
        default=CHECKOUT / "examples/django_site",
        metavar="DIR",
        help="the Django project to weigh",
    )
    add("--django-path", default="/", metavar="PATH", help="what is asked of it (default: /)")
    add("--prepare", action="store_true", help="install the peers, measure nothing")
    return parser.parse_args()


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def prepare(options: argparse.Namespace) -> Bench:
    bench = Bench(options)
    try:
        bench.command = rickhouse_builds.given(options.rickhouse)
    except rickhouse_builds.Missing as missing:
        bench.absent["rickhouse"] = str(missing)
    if bench.command is not None and wants_free_threaded(options):
        try:
            bench.free_threaded = rickhouse_builds.free_threaded(options.free_threaded)
        except rickhouse_builds.Missing as missing:
            bench.absent["rickhouse-off"] = str(missing)
    if any(selected(options, f"{name}-{threads}t") for lineup in PEERS.values() for name, threads in lineup):
        bench.environment = peers.prepare(peers_python(bench), say)
        bench.absent.update({peer.name: peer.problem for peer in bench.environment.peers.values() if peer.problem})
    return bench


def wants_free_threaded(options: argparse.Namespace) -> bool:
    shapes = [shape for scenario in wanted_scenarios(options) for shape in SHAPES[scenario.name]]
    return any(shape.gil == "off" and selected(options, f"rickhouse-{shape.key}") for shape in shapes)


def peers_python(bench: Bench) -> str:
    if bench.options.python:
        return bench.options.python
    return rickhouse_builds.python_of(bench.command) if bench.command else sys.executable


def all_facts(bench: Bench) -> dict[str, str]:
    facts = machine.facts()
    for name, command in (("rickhouse", bench.command), ("free-threaded", bench.free_threaded)):
        if command is not None:
            python = peers.python_tag(rickhouse_builds.python_of(command))
            facts[name] = f"{rickhouse_builds.version_of(command)}, Python {python} ({command})"
    facts["checkout"] = rickhouse_builds.checkout_version()
    if bench.environment is not None:
        installed = [f"{peer.name} {peer.version}" for peer in bench.environment.peers.values() if peer.version]
        python = peers.python_tag(bench.environment.program("python"))
        facts["peers"] = f"{', '.join(installed)}; Python {python}"
    rounds, seconds = bench.options.rounds, bench.options.seconds
    facts["method"] = f"{rounds} interleaved rounds of {seconds} s after {WARM_UP_SECONDS} s of warm-up; medians"
    facts["duration"] = f"about {estimated_minutes(bench):.0f} minutes for the scenarios"
    return facts


def estimated_minutes(bench: Bench) -> float:
    runs = sum(len(entries_for(bench, scenario)) for scenario in wanted_scenarios(bench.options)) * bench.options.rounds
    return runs * (bench.options.seconds + WARM_UP_SECONDS + START_AND_STOP_SECONDS) / 60


def run_scenarios(bench: Bench) -> list[Series]:
    all_series: list[Series] = []
    for scenario in wanted_scenarios(bench.options):
        entries = entries_for(bench, scenario)
        if entries:
            series = run_rounds(scenario, entries, bench.options.rounds, bench.options.seconds, say)
            print(f"\n{report.scenario_table(scenario, series)}", flush=True)
            all_series += series
    return all_series


def run_memory(bench: Bench) -> list[memory.MemorySeries]:
    options = bench.options
    wanted = MEMORY in options.scenario if options.scenario else options.only is None
    if bench.command is None or not wanted:
        return []
    applications, problems = [memory.hello()], []
    with tempfile.TemporaryDirectory(prefix="rickhouse-bench-") as scratch:
        try:
            applications.append(django_example(bench, Path(scratch)))
        except (ServerFailed, subprocess.SubprocessError) as problem:
            problems.append(memory.MemorySeries(DJANGO, failure=str(problem)))
        all_memory = memory.measure_all(bench.command, applications, options.rounds, say) + problems
    print(f"\n{report.memory_table(all_memory)}", flush=True)
    return all_memory


def django_example(bench: Bench, scratch: Path) -> memory.Application:
    python = rickhouse_builds.python_of(bench.command)
    return memory.django(DJANGO, bench.options.django.resolve(), bench.options.django_path, python, scratch, say)


def wanted_scenarios(options: argparse.Namespace) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if not options.scenario or scenario.name in options.scenario]


def entries_for(bench: Bench, scenario: Scenario) -> list[Entry]:
    """rickhouse's shapes and the peers, in the order of the rounds."""
    ours = [entry for shape in SHAPES[scenario.name] if (entry := shape_entry(bench, shape))]
    theirs = [peer_entry(bench.environment, *peer) for peer in PEERS[scenario.name] if is_installed(bench, peer[0])]
    return [entry for entry in [*ours, *theirs] if selected(bench.options, entry.key)]


def shape_entry(bench: Bench, shape: Shape) -> Entry | None:
    command = bench.free_threaded if shape.gil == "off" else bench.command
    return rickhouse_entry(command, shape, [APPS]) if command is not None else None


def is_installed(bench: Bench, server: str) -> bool:
    family = server.split("-")[0]
    return bench.environment is not None and bench.environment.peers[family].version is not None


def selected(options: argparse.Namespace, key: str) -> bool:
    return options.only is None or any(fnmatch.fnmatch(key, pattern) for pattern in options.only)


def say(text: str) -> None:
    """Progress goes to standard error, so that standard output is the report."""
    print(text, file=sys.stderr, flush=True)
