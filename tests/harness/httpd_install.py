"""Which httpd, which mod_wsgi.so and which Python the tests of the httpd module run with."""

from __future__ import annotations

import functools
import os
import pwd
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import processes

#: Whom children and daemons become when root runs the tests.
_ORDINARY_USERS = ("www-data", "nobody")

#: What `--mpm` may name.
MPMS = ("event", "worker", "prefork")


@dataclass(frozen=True)
class Installation:
    """An httpd as Debian lays it out, below `root`."""

    root: Path

    @property
    def binary(self) -> Path:
        return self.root / "usr/sbin/apache2"

    @property
    def modules(self) -> Path:
        return self.root / "usr/lib/apache2/modules"

    @property
    def libraries(self) -> str | None:
        """What an httpd outside its own system needs in `LD_LIBRARY_PATH`."""
        if self.root == Path("/"):
            return None
        triplet = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
        return f"{self.root}/usr/lib/{triplet}:{self.root}/usr/lib"

    @functools.cached_property
    def version(self) -> tuple[int, ...]:
        said = subprocess.run(
            [self.binary, "-v"], env=self.environment({}), check=True, capture_output=True, text=True
        ).stdout
        found = re.search(r"Apache/(\d+)\.(\d+)\.(\d+)", said)
        assert found, said
        return tuple(map(int, found.groups()))

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        if not self.libraries:
            return base
        paths = [self.libraries, base.get("LD_LIBRARY_PATH", "")]
        return base | {"LD_LIBRARY_PATH": ":".join(path for path in paths if path)}

    def has(self, module: str) -> bool:
        return (self.modules / f"mod_{module}.so").exists()


@functools.cache
def httpd() -> Installation:
    """`$RICKHOUSE_HTTPD`: the folder an httpd was unpacked in; `/` is the one of this machine."""
    found = Installation(Path(os.environ.get("RICKHOUSE_HTTPD") or "/"))
    if not found.binary.exists():
        raise pytest.UsageError(f"no httpd at {found.binary}: name its root folder in RICKHOUSE_HTTPD")
    return found


@functools.cache
def module() -> Path:
    """`$RICKHOUSE_MODULE`, or what `rickhouse module-location` of this environment says."""
    said = os.environ.get("RICKHOUSE_MODULE")
    if not said:
        command = Path(sys.prefix) / "bin" / "rickhouse"
        if not command.exists():
            raise pytest.UsageError("no mod_wsgi.so: name it in RICKHOUSE_MODULE or with --module")
        said = subprocess.run(
            [command, "module-location"], check=True, capture_output=True, text=True
        ).stdout.strip()
    path = Path(said).absolute()
    if not path.exists():
        raise pytest.UsageError(f"no mod_wsgi.so at {path}")
    return path


def mpm() -> str:
    """`$SUITE_MPM`, which `--mpm` sets: the MPM of every server whose test names none."""
    return os.environ.get("SUITE_MPM") or "event"


def ordinary_user() -> pwd.struct_passwd | None:
    """Whom children become: nobody else unless root runs the tests, since httpd refuses to serve as root."""
    if os.geteuid() != 0:
        return None
    for name in _ORDINARY_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise pytest.UsageError(f"root runs the tests, and there is none of the users {_ORDINARY_USERS}")


def as_ordinary_user() -> tuple[str, ...]:
    """What to put before a command that is not to run as root."""
    user = ordinary_user()
    if user is None:
        return ()
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")


@functools.cache
def prefix() -> tuple[str, ...]:
    """What to put before the command, so that children can read the Python under test."""
    user = ordinary_user()
    if user is None or _readable_by(user, Path(sys.prefix)) and _readable_by(user, Path(sys.base_prefix)):
        return ()
    return processes.OPEN_HOME


def _readable_by(user: pwd.struct_passwd, path: Path) -> bool:
    for folder in (path, *path.parents):
        found = folder.stat()
        bit = 0o100 if found.st_uid == user.pw_uid else 0o010 if found.st_gid == user.pw_gid else 0o001
        if not found.st_mode & bit:
            return False
    return True


#: The Python the module embeds is the one that runs pytest: the environment of a run has both.
PYTHON = sys.version_info[:3]
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
OWN_GIL = PYTHON >= (3, 12) and not FREE_THREADED
