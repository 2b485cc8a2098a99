"""The facts about the machine that a reader needs to place the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def facts() -> dict[str, str]:
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores ({len(os.sched_getaffinity(0))} usable)",
        "memory": f"{_memory_gib():.0f} GiB",
        "system": f"{_distribution()}, Linux {platform.release()}, {platform.machine()}",
        "load": "load average {:.2f} {:.2f} {:.2f} at the start".format(*os.getloadavg()),
        "wrk": _wrk_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _distribution() -> str:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except FileNotFoundError:
        return "unknown distribution"
    return next(
        (line.split("=", 1)[1].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "unknown distribution"
    )


def _wrk_version() -> str:
    """wrk prints its version with its usage and ends with a failure status."""
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True)
    return (said.stdout or said.stderr).splitlines()[0].split(" Copyright")[0]
