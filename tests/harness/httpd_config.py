"""The configuration of an httpd under test: what every one of them has, and the ways to deploy an application."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from . import httpd_install as install

TESTS = Path(__file__).resolve().parents[1]
#: Applications for httpd, and those shared with the standalone server.
APPS, SHARED_APPS = TESTS / "httpd" / "apps", TESTS / "apps"

_MODULES = (
    "authz_core", "authz_host", "authz_user", "authn_core", "auth_basic", "alias", "dir", "env", "mime", "setenvif",
    "headers", "rewrite", "unixd", "log_config", "filter", "access_compat", "reqtimeout",
)  # fmt: skip

_MPMS = {
    # One child at the start, so that a test that asks for "the" child finds one.
    "event": "StartServers 1\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\n"
    "MinSpareThreads 1\nMaxSpareThreads 32",
    "worker": "StartServers 1\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\n"
    "MinSpareThreads 1\nMaxSpareThreads 32",
    "prefork": "StartServers 2\nServerLimit 4\nMaxRequestWorkers 4\nMinSpareServers 1\nMaxSpareServers 4",
}

_TYPES = "text/html html\ntext/plain txt\ntext/x-python py wsgi\n"


def load_modules(names: tuple[str, ...], mpm: str) -> str:
    """`LoadModule` lines for an MPM, the usual modules and `names`, leaving out what is built in."""
    lines = []
    for name in dict.fromkeys((f"mpm_{mpm}", *_MODULES, *names)):
        if install.httpd().has(name):
            lines.append(f'LoadModule {name}_module "{install.httpd().modules}/mod_{name}.so"')
    lines.append(f'LoadModule wsgi_module "{install.module()}"')
    return "\n".join(lines)


def whole(folder: Path, ports: list[int], text: str, mpm: str, modules: tuple[str, ...], level: str) -> str:
    """A complete configuration around `text`, which may use `${FOLDER}`, `${APPS}`, `${PORT}`, `${PORT2}` …"""
    (folder / "mime.types").write_text(_TYPES)
    user = install.ordinary_user()
    identity = f"User {user.pw_name}\nGroup #{user.pw_gid}" if user else ""
    listening = "\n".join(f"Listen 127.0.0.1:{port}" for port in ports)
    defined = "\n".join(f"Define PORT{n if n > 1 else ''} {port}" for n, port in enumerate(ports, 1))
    return f"""
Define FOLDER "{folder}"
Define APPS "{APPS}"
Define SHARED_APPS "{SHARED_APPS}"
{defined}
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}/run"
PidFile "{folder}/run/httpd.pid"
ScoreBoardFile "{folder}/run/scoreboard"
{load_modules(modules, mpm)}
Mutex file:{folder}/run default
{_MPMS[mpm]}
{listening}
{identity}
ServerName localhost
ServerAdmin root@localhost
TypesConfig "{folder}/mime.types"
DocumentRoot "{folder}/htdocs"
CoreDumpDirectory "{folder}"
ErrorLog "{folder}/error.log"
ErrorLogFormat "[%{{cu}}t] [%m:%l] [pid %P] [tid %T] [client\\ %a] %M"
LogLevel notice wsgi:{level}
LogFormat "%s %B %X \\"%r\\"" brief
CustomLog "{folder}/access.log" brief
Timeout 60
KeepAliveTimeout 20
<Directory />
    AllowOverride None
    Require all granted
</Directory>
WSGIPythonHome "{sys.prefix}"
WSGISocketPrefix "{folder}/run/wsgi"
{text}
"""


@dataclass(frozen=True)
class Deployment:
    """Where the code of an application runs, and what its interpreter shares with others."""

    daemon: bool
    #: "main" and "shared" have the GIL of the process, "own" one of their own; with "off" there is none.
    gil: str

    def __str__(self) -> str:
        return f"{'daemon' if self.daemon else 'embedded'}-{self.gil}"

    @property
    def application_group(self) -> str:
        return "" if self.gil in ("main", "off") else self.gil

    @property
    def process_group(self) -> str:
        return "site" if self.daemon else ""

    def place(self) -> str:
        """`daemon process 'site'` or `embedded mode`, as log records say it."""
        return f"daemon process '{self.process_group}'" if self.daemon else "embedded mode"

    def interpreter(self) -> str:
        """As log records name it."""
        group = self.application_group
        return f"sub-interpreter '{group}'" if group else "main interpreter"

    def context(self) -> str:
        """How the header of a traceback ends."""
        where = f"of daemon process '{self.process_group}'" if self.daemon else "in embedded mode"
        return f"{self.interpreter()} {where}"

    def section(self, prefix: str) -> str:
        """The groups for what is below a URL path."""
        return (
            f'<Location "{prefix}">\n'
            f"    WSGIProcessGroup {self.process_group or '%{GLOBAL}'}\n"
            f"    WSGIApplicationGroup {self.application_group or '%{GLOBAL}'}\n"
            "</Location>\n"
        )


def gil_modes() -> tuple[str, ...]:
    if install.FREE_THREADED:
        return ("off", "shared")
    return ("main", "shared", "own") if install.OWN_GIL else ("main", "shared")


def deployments() -> list[Deployment]:
    return [Deployment(daemon, gil) for daemon in (False, True) for gil in gil_modes()]


EMBEDDED, DAEMON = Deployment(False, gil_modes()[0]), Deployment(True, gil_modes()[0])


def interpreters() -> str:
    """What makes the names of GIL modes true for interpreters of that name."""
    if install.FREE_THREADED:
        return "WSGIFreeThreading On\n"
    if not install.OWN_GIL:
        return ""
    return (
        "<WSGIInterpreterOptions application-group=own>\n"
        "    WSGIPerInterpreterGIL On\n"
        "</WSGIInterpreterOptions>\n"
    )


def site() -> str:
    """Every script of `apps` below `/DEPLOYMENT/`, one daemon group for all that run in one."""
    text = interpreters() + (
        'WSGIPythonPath "${SHARED_APPS}:${APPS}"\n'
        'WSGIDaemonProcess site threads=6 python-path="${SHARED_APPS}:${APPS}"\n'
    )
    for each in deployments():
        text += f'WSGIScriptAlias "/{each}/" "${{APPS}}/"\n' + each.section(f"/{each}")
    return text
