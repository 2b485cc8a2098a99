"""Fixtures: servers per test and per module, the GIL modes, and the check of the aftermath."""

from __future__ import annotations

import os

import pytest

import http_client
from harness import command, processes
from harness.fleet import Fleet


def pytest_configure(config: pytest.Config) -> None:
    processes.adopt_orphans()


def pytest_report_header() -> list[str]:
    known = command.facts()
    lines = [
        f"rickhouse: {command.executable()}, Python {known.name}, "
        f"modes {', '.join(map(str, command.gil_modes()))}"
    ]
    if not _may_mount():
        lines.append("not collected: needs_root (not root, or inside a root folder)")
    if not _soak_seconds():
        lines.append("not collected: soak (RICKHOUSE_SOAK_SECONDS is not set)")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def wanted(item: pytest.Item) -> bool:
        if item.get_closest_marker("needs_root") and not _may_mount():
            return False
        # Without any mode pytest leaves a placeholder that it would only skip.
        if (only := item.get_closest_marker("modes")) and not only.args[0]:
            return False
        return bool(_soak_seconds()) or not item.get_closest_marker("soak")

    left_out = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=left_out)


def _may_mount() -> bool:
    """Whether a mount namespace of our own can be laid out: as root, and not where `chroot` has put us."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return os.geteuid() == 0 and any(line.split()[4] == "/" for line in mounts)


def _soak_seconds() -> float:
    return float(os.environ.get("RICKHOUSE_SOAK_SECONDS", "0"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that asks for `gil_mode` runs once for each mode this Python can do."""
    if "gil_mode" in metafunc.fixturenames:
        modes = command.gil_modes()
        if only := metafunc.definition.get_closest_marker("modes"):
            modes = [mode for mode in modes if mode in only.args[0]]
        metafunc.parametrize("gil_mode", modes, ids=str, scope="module")


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path) -> Fleet:
    """Starts servers that live for one test; in the default mode unless the test has another."""
    mode = request.getfixturevalue("gil_mode") if "gil_mode" in request.fixturenames else None
    fleet = Fleet(tmp_path, mode)
    yield fleet
    _fail_for(fleet.close())


@pytest.fixture(scope="module")
def serve_module(request: pytest.FixtureRequest, tmp_path_factory, gil_mode) -> Fleet:
    """Starts servers that live for one module and GIL mode."""
    fleet = Fleet(tmp_path_factory.mktemp("module"), gil_mode)
    _module_fleets.append(fleet)
    yield fleet
    _module_fleets.remove(fleet)
    _fail_for(fleet.close())


_module_fleets: list[Fleet] = []


@pytest.fixture(autouse=True)
def aftermath():
    """After each test: no open descriptor and no unexplained line of the log."""
    yield
    http_client.close_all()
    found: list[str] = []
    for fleet in _module_fleets:
        found += fleet.check_running()
    _fail_for(found)


def _fail_for(found: list[str]) -> None:
    if found:
        pytest.fail("aftermath:\n" + "\n".join(found), pytrace=False)
