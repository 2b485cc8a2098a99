"""What is printed: one table per scenario, the memory table, the figures; and the same as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Callable

from figures import Figure
from measure import Sample, Series
from memory import COUNTS, KINDS, MemorySeries
from scenarios import Scenario

COLUMNS: list[tuple[str, Callable[[Sample], float], str]] = [
    ("req/s", lambda sample: sample.rate, ",.0f"),
    ("p50 ms", lambda sample: sample.p50, ".2f"),
    ("p99 ms", lambda sample: sample.p99, ".2f"),
    ("CPU µs/req", lambda sample: sample.cpu, ",.1f"),
    ("RSS MB", lambda sample: sample.rss / 1e6, ".1f"),
    ("PSS MB", lambda sample: sample.pss / 1e6, ".1f"),
    ("others", lambda sample: sample.others, ".2f"),
    ("wrk", lambda sample: sample.generator, ".2f"),
]


def header(facts: dict[str, str], absent: dict[str, str]) -> str:
    width = max(map(len, facts))
    lines = [f"{name:<{width}}  {fact}" for name, fact in facts.items()]
    lines += [f"not measured: {name}: {why}" for name, why in absent.items()]
    return "\n".join(lines)


def scenario_table(scenario: Scenario, all_series: list[Series]) -> str:
    """Medians over the rounds; the spread is the lowest and highest rate seen."""
    titles = ["server", *(title for title, _, _ in COLUMNS), "errors", "spread of req/s"]
    rows = [_row(series) for series in all_series if series.samples]
    failures = [f"  {series.key}: {series.failure}" for series in all_series if series.failure is not None]
    return "\n".join([f"== {scenario.title}", *aligned([titles, *rows]), *failures])


def memory_table(all_series: list[MemorySeries]) -> str:
    """PSS (and private) of the whole server, supervisor included."""
    rows = [["application", "what", *(f"{count}, MB" for count in COUNTS), "each further, MB"]]
    for series in all_series:
        for kind in KINDS if series.failure is None else ():
            sizes = (series.middle(kind, count) for count in COUNTS)
            cells = [f"{size.pss / 1e6:.1f} ({size.private / 1e6:.1f})" for size in sizes]
            rows.append([series.application, kind, *cells, f"{series.step(kind) / 1e6:.1f}"])
    failures = [f"  {series.application}: {series.failure}" for series in all_series if series.failure is not None]
    return "\n".join(["== memory of the whole server: PSS (private)", *aligned(rows, left=2), *failures])


def figures_table(figures: list[Figure]) -> str:
    rows = [["figure", "target", "", "measured"]]
    for figure in figures:
        measured = "; ".join(part for part in (figure.value, figure.note) if part)
        rows.append([figure.title, figure.target, _verdict(figure), measured])
    return "\n".join(["== figures", *aligned(rows, left=4)])


def aligned(rows: list[list[str]], left: int = 1) -> list[str]:
    """Columns of equal width: the first `left` ones hold text and start together, the others hold numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_line(row, widths, left) for row in rows]


def write_json(
    file: Path, facts: dict, absent: dict, series: list[Series], memory: list[MemorySeries], figures: list[Figure]
) -> None:
    """Every single sample, for whoever wants other statistics. Bytes, seconds and units as in `measure.Sample`."""
    content = {
        "facts": facts,
        "absent": absent,
        "series": [asdict(one) for one in series],
        "memory": [_memory_json(one) for one in memory],
        "figures": [asdict(figure) for figure in figures],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1) + "\n")


def _row(series: Series) -> list[str]:
    cells = [format(median(of(sample) for sample in series.samples), style) for _, of, style in COLUMNS]
    rates = [sample.rate for sample in series.samples]
    return [series.key, *cells, _errors(series), f"{min(rates):,.0f} to {max(rates):,.0f}"]


def _errors(series: Series) -> str:
    """The sum over all rounds, by kind."""
    return " ".join(f"{kind} {count}" for kind, count in series.error_kinds.items() if count) or "0"


def _verdict(figure: Figure) -> str:
    if figure.reached is None:
        return "not measured"
    return "reached" if figure.reached else "MISSED"


def _line(row: list[str], widths: list[int], left: int) -> str:
    cells = [
        cell.ljust(width) if index < left else cell.rjust(width) for index, (cell, width) in enumerate(zip(row, widths))
    ]
    return "  ".join(cells).rstrip()


def _memory_json(series: MemorySeries) -> dict:
    rounds = [
        {"kind": kind, "count": count, "samples": [asdict(sample) for sample in samples]}
        for (kind, count), samples in series.rounds.items()
    ]
    return {"application": series.application, "failure": series.failure, "rounds": rounds}
