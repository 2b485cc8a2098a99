"""Fixtures: an httpd for the whole session, for a file or for one test; deployments; and the check of the aftermath."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

import http_client
from harness import httpd_config as config
from harness import httpd_install as install
from harness import processes
from harness.httpd_fleet import Fleet, SyntaxCheck


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--module", help="the mod_wsgi.so under test; also $RICKHOUSE_MODULE")
    parser.addoption("--mpm", choices=install.MPMS, help="the MPM where a test names none; also $SUITE_MPM; event")
    parser.addoption(
        "--oracle", action="store_true",
        help="the module is mod_wsgi 6.1.1: what is marked `differs` has to fail (an aid for who writes tests)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    if said := config.getoption("--module"):
        os.environ["RICKHOUSE_MODULE"] = said
    if mpm := config.getoption("--mpm"):
        os.environ["SUITE_MPM"] = mpm
    processes.adopt_orphans()


def pytest_report_header() -> list[str]:
    user = install.ordinary_user()
    return [
        f"httpd {'.'.join(map(str, install.httpd().version))} ({install.mpm()}) at {install.httpd().binary}, "
        f"{install.module()}, "
        f"deployments {', '.join(map(str, config.deployments()))}",
        f"children run as {user.pw_name}" if user else "not collected: needs_root (not root)",
        "not collected: awaits (events of the Python module come with a later issue)",
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    oracle = config.getoption("--oracle")

    def wanted(item: pytest.Item) -> bool:
        if item.get_closest_marker("needs_root") and install.ordinary_user() is None:
            return False
        if item.get_closest_marker("awaits") and not oracle:
            return False
        return not (oracle and item.get_closest_marker("oracle_skip"))

    left_out = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=left_out)
    if oracle:
        for item in items:
            if mark := item.get_closest_marker("differs"):
                item.add_marker(pytest.mark.xfail(reason=mark.args[0], strict=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that asks for `deployment` runs in each of them; `mode` is embedded and daemon mode only."""
    if "deployment" in metafunc.fixturenames:
        found = config.deployments()
        if only := metafunc.definition.get_closest_marker("only"):
            found = [each for each in found if each.daemon == (only.args[0] == "daemon")]
        metafunc.parametrize("deployment", found, ids=str)
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", [config.EMBEDDED, config.DAEMON], ids=["embedded", "daemon"])


@pytest.fixture(scope="session")
def workplace() -> Path:
    """A folder with a short name, since socket paths are limited, that children may pass through."""
    with tempfile.TemporaryDirectory(prefix="rh") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


_shared: list[Fleet] = []


def _fleet(workplace: Path, name: str):
    fleet = Fleet(Path(tempfile.mkdtemp(prefix=name, dir=workplace)))
    fleet.folder.chmod(0o755)
    _shared.append(fleet)
    yield fleet
    _shared.remove(fleet)
    _fail_for(fleet.close())


@pytest.fixture(scope="session")
def site(workplace):
    """One httpd with every script of `apps` in every deployment: for tests that leave it as it was."""
    for fleet in _fleet(workplace, "s"):
        yield fleet(config.site())


@pytest.fixture(scope="session")
def syntax(workplace) -> SyntaxCheck:
    """Asks `httpd -t` what it says of a configuration."""
    return SyntaxCheck(Path(tempfile.mkdtemp(prefix="c", dir=workplace)))


@pytest.fixture(scope="module")
def httpd_module(workplace) -> Fleet:
    """Starts servers that live for one file."""
    yield from _fleet(workplace, "m")


@pytest.fixture
def httpd(workplace, request: pytest.FixtureRequest) -> Fleet:
    """Starts servers that live for one test."""
    fleet = Fleet(Path(tempfile.mkdtemp(prefix="t", dir=workplace)))
    fleet.folder.chmod(0o755)
    yield fleet
    found = fleet.close()
    if not _differs_from_the_oracle(request):
        _fail_for(found)


@pytest.fixture(autouse=True)
def aftermath(request: pytest.FixtureRequest):
    """After each test: every shared server lives on, and no line of its log is unexplained."""
    yield
    http_client.close_all()
    found = [complaint for fleet in _shared for complaint in fleet.check_running()]
    if not _differs_from_the_oracle(request):
        _fail_for(found)


def _differs_from_the_oracle(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--oracle") and request.node.get_closest_marker("differs") is not None


def _fail_for(found: list[str]) -> None:
    if found:
        pytest.fail("aftermath:\n" + "\n".join(found), pytrace=False)
