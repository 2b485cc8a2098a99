"""The command: reads options, prepares what is missing, runs the rounds, prints the tables."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import debian
import machine
import report
import rickhouse_builds
from cli import positive, say
from figures import Figure
from httpd import memory, restarts
from httpd.configuration import THREADS_OF_CHILD, THREADS_OF_DAEMON, Httpd
from httpd.figures import cpu_figure, memory_figure, restart_figures
from httpd.modules import ORIGINAL, OURS, THEIRS, Setup, prepare
from httpd.plan import CONNECTIONS, RUNS
from measure import WARM_UP_SECONDS, Series, run_rounds
from rickhouse_builds import CHECKOUT, Missing
from servers import Entry

MEMORY, RESTARTS = "memory", "restarts"


def main() -> int:
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return run(options)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (Missing, subprocess.CalledProcessError) as reason:
        say(f"run-httpd: {reason}")
        return 1


def run(options: argparse.Namespace) -> int:
    """0 when everything selected was measured, whatever the figures; 1 when something could not be."""
    debian.install_missing(say)
    setup = prepare(options.rickhouse, options.module, say)
    if options.prepare:
        return 0
    facts = all_facts(options, setup)
    print(report.header(facts, {}), flush=True)
    with tempfile.TemporaryDirectory(prefix="rickhouse-bench-") as scratch:
        httpd = Httpd(setup, Path(scratch))
        all_series = run_scenarios(options, httpd)
        all_memory = memory.measure_all(httpd, options.rounds, say) if wanted(options, MEMORY) else []
        all_restarts = restarts.measure_all(httpd, options.rounds, say) if wanted(options, RESTARTS) else []
    for title, rows, measured in tables(all_memory, all_restarts):
        failures = [f"  {one.key}: {one.failure}" for one in measured if one.failure is not None]
        print("\n".join([f"\n== {title}", *report.aligned(rows), *failures]))
    figures = [cpu_figure(one, all_series) for one in RUNS]
    figures += [memory_figure(all_memory), *restart_figures(all_restarts)]
    print(f"\n{report.figures_table(figures)}", flush=True)
    if options.json:
        write_json(options.json, facts, all_series, all_memory, all_restarts, figures)
    return 1 if any(one.failure for one in [*all_series, *all_memory, *all_restarts]) else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run-httpd",
        description=f"Measure rickhouse's mod_wsgi.so and {ORIGINAL} in the same httpd, in interleaved rounds.",
    )
    add = parser.add_argument
    names = [*(one.name for one in RUNS), MEMORY, RESTARTS]
    command = CHECKOUT / ".venv/bin/rickhouse"
    add("--rounds", type=positive, default=5, help="how often each is measured (default: 5)")
    add("--seconds", type=positive, default=3, help="length of one measurement (default: 3)")
    add("--scenario", action="append", choices=names, help="only this one (repeatable; default: all)")
    add("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    add("--rickhouse", type=Path, default=command, metavar="PATH", help="the command whose module is measured (default: .venv/bin/rickhouse)")
    add("--module", type=Path, metavar="FILE", help="measure this module file instead; with mod_wsgi's own, all ratios are 1")
    add("--prepare", action="store_true", help=f"build {ORIGINAL}, measure nothing")
    return parser.parse_args()


def wanted(options: argparse.Namespace, name: str) -> bool:
    return not options.scenario or name in options.scenario


def run_scenarios(options: argparse.Namespace, httpd: Httpd) -> list[Series]:
    all_series: list[Series] = []
    for one in RUNS:
        if wanted(options, one.name):
            entries = [Entry(key, key, httpd.serving(key, one.mode), CONNECTIONS) for key in (THEIRS, OURS)]
            scenario = one.renamed()
            series = run_rounds(scenario, entries, options.rounds, options.seconds, say)
            print(f"\n{report.scenario_table(scenario, series)}", flush=True)
            all_series += series
    return all_series


def all_facts(options: argparse.Namespace, setup: Setup) -> dict[str, str]:
    return {
        **machine.facts(),
        "httpd": f"{setup.httpd.version}, event MPM, 1 child × {THREADS_OF_CHILD} threads ({setup.httpd.program})",
        "daemons": f"1 process × {THREADS_OF_DAEMON} threads",
        "python": f"{setup.python} ({setup.home})",
        "checkout": rickhouse_builds.checkout_version(),
        **setup.modules,
        "method": f"{options.rounds} interleaved rounds of {options.seconds} s after {WARM_UP_SECONDS} s of warm-up, "
        f"{CONNECTIONS} keep-alive connections; medians",
    }


def tables(all_memory: list[memory.DaemonMemory], all_restarts: list[restarts.RestartSeries]):
    """Title, rows and origin of what is not a scenario."""
    if all_memory:
        rows = [["module", "RSS MB", "PSS MB", "private MB"], *(memory_row(one) for one in all_memory if one.seen)]
        yield "memory of a daemon after hello", rows, all_memory
    if all_restarts:
        titles = ["server", "WSGISocketRotation", "requests", "connections reset", "failed", "kinds"]
        rows = [titles, *(restart_row(one) for one in all_restarts if one.loads)]
        yield "graceful restarts under load", rows, all_restarts


def memory_row(one: memory.DaemonMemory) -> list[str]:
    sizes = (one.middle(lambda seen, name=name: getattr(seen, name)) for name in ("rss", "pss", "private"))
    return [one.key, *(f"{size / 1e6:.1f}" for size in sizes)]


def restart_row(one: restarts.RestartSeries) -> list[str]:
    requests = sum(load.requests for load in one.loads)
    return [one.key, one.rotation, f"{requests:,}", str(one.resets()), str(one.failed()), one.kinds()]


def write_json(
    file: Path,
    facts: dict[str, str],
    series: list[Series],
    all_memory: list[memory.DaemonMemory],
    all_restarts: list[restarts.RestartSeries],
    figures: list[Figure],
) -> None:
    """Every single sample. Bytes, seconds and units as in `measure.Sample`."""
    parts = {"series": series, "memory": all_memory, "restarts": all_restarts, "figures": figures}
    content = {"facts": facts, **{name: [asdict(one) for one in all_of] for name, all_of in parts.items()}}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1) + "\n")
