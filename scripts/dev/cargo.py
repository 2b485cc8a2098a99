"""Cargo as the tests use it: which crates depend on Python, and how to build them for one Python and then another."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from . import httpds
from .paths import CHECKOUT
from .pythons import Python

#: Only what depends on this crate is built again when another Python is tested.
FENCE = "rickhouse-python"

DOC_TESTS = ["cargo", "test", "--locked", "--workspace", "--doc", "--quiet"]


def crates() -> tuple[list[str], list[str]]:
    """The workspace's crates that have tests: those that know no Python, and those that depend on the CPython fence."""
    output = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
        cwd=CHECKOUT, check=True, capture_output=True, text=True,
    ).stdout
    packages = json.loads(output)["packages"]
    needs = {package["name"]: {dependency["name"] for dependency in package["dependencies"]} for package in packages}
    # `cargo test --lib` would build a library's tests although its manifest says that there are none.
    tested = {package["name"] for package in packages if any(target["test"] for target in package["targets"])}

    def reaches_fence(name: str) -> bool:
        return name == FENCE or any(reaches_fence(other) for other in needs[name] if other in needs)

    pure = sorted(name for name in tested if not reaches_fence(name))
    return pure, sorted(tested - set(pure))


def environment(python: Python) -> dict[str, str]:
    """What Cargo must be told to build for `python`."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or CHECKOUT / "target")
    if python.root:
        # Another C library: nothing that was linked outside may be reused inside.
        target = target.with_name(f"{target.name}-{python.root.name}")
        target.mkdir(parents=True, exist_ok=True)
    return {**_httpd(python), "PYO3_PYTHON": str(python.executable), "CARGO_TARGET_DIR": str(target)}


def _httpd(python: Python) -> dict[str, str]:
    """The httpd to build against, if it has been made: its headers are only compared with, so it is never needed."""
    try:
        return httpds.obtain(python, make=False).environment()
    except httpds.Unavailable:
        return {}


def test_environment(python: Python) -> dict[str, str]:
    """The same for programs that embed `python`: those are not installed anywhere that the loader looks."""
    folder = python.executable.resolve().parents[1] / "lib"
    folders = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**environment(python), "LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders))}


def test_command(names: list[str], only: str) -> list[str]:
    """Runs the tests of some crates. Programs without libtest (scenarios in processes of their own) rule out nextest."""
    command = ["cargo", "test", "--locked", "--no-fail-fast", "--lib", "--tests", "--quiet"]
    return command + packages(names) + ([only] if only else [])


def packages(names: list[str]) -> list[str]:
    return [word for name in names for word in ("-p", name)]
