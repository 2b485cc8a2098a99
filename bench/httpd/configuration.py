"""The configuration of httpd for a measurement, and the command that starts it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from httpd.modules import CHECKOUT, Setup
from scenarios import APPS, MIB

THREADS_OF_CHILD = 64
THREADS_OF_DAEMON = 8
#: Of Debian's httpd; what it has built in cannot be loaded.
HTTPD_MODULES = ("mpm_event", "authz_core", "alias", "env")
ORDINARY_USER = "www-data"

#: One child serves; ServerLimit leaves room for those of earlier generations, without which a graceful restart has to wait.
TEMPLATE = """\
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/httpd.pid"
Mutex file:{folder} default
{load}
Listen 127.0.0.1:{port}
ServerName localhost
{identity}
ErrorLog /dev/stderr
LogLevel warn
ServerLimit 4
StartServers 1
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
MinSpareThreads 1
MaxSpareThreads {threads}
KeepAlive On
MaxKeepAliveRequests 0
<Directory />
    Require all granted
</Directory>
SetEnv bench.file "{folder}/mebibyte"
{wsgi}
"""


class Httpd:
    """Makes configurations below `scratch` and the commands that start httpd with them."""

    def __init__(self, setup: Setup, scratch: Path) -> None:
        self._setup = setup
        self._scratch = scratch
        # Whom the children become passes through it.
        scratch.chmod(0o755)

    def serving(self, module: str, mode: str, extra: str = ""):
        """For an `Entry`: from a module of bench/apps and a port to a command line."""
        path = self._setup.modules[module]
        lines = [
            f'LoadModule wsgi_module "{path}"',
            f'WSGIPythonHome "{self._setup.home}"',
            'WSGISocketPrefix "@FOLDER@/wsgi"',
            extra,
        ]
        return lambda application, port: self._command(port, "\n".join([*lines, mounted(application, mode)]))

    def static(self):
        """The same httpd without any module of ours or theirs, answering a file of thirteen bytes."""
        return lambda _, port: self._command(port, 'Alias "/" "@FOLDER@/hello"')

    def _command(self, port: int, wsgi: str) -> list[str]:
        folder = self._scratch / str(port)
        folder.mkdir(exist_ok=True)
        (folder / "mebibyte").write_bytes(b"x" * MIB)
        (folder / "hello").write_bytes(b"Hello, World!")
        httpd = self._setup.httpd
        modules = httpd.folder / "usr/lib/apache2/modules"
        load = "\n".join(f'LoadModule {name}_module "{modules}/mod_{name}.so"' for name in HTTPD_MODULES)
        text = TEMPLATE.format(
            folder=folder, load=load, port=port, identity=identity(), threads=THREADS_OF_CHILD,
            wsgi=wsgi.replace("@FOLDER@", str(folder)),
        )  # fmt: skip
        configuration = folder / "httpd.conf"
        configuration.write_text(text)
        # libpython's folder is for modules that Cargo made by itself: only an installed one knows where it is.
        libraries = f"LD_LIBRARY_PATH={httpd.library_path}:{self._setup.home}/lib"
        return [*home_opener(), "env", libraries, str(httpd.program), "-DFOREGROUND", "-f", str(configuration)]


def mounted(application: str, mode: str) -> str:
    """The directives that serve a script: the whole site, in the main interpreter."""
    script = f'WSGIScriptAlias / "{APPS}/{application}.py"\nWSGIApplicationGroup %{{GLOBAL}}'
    if mode == "embedded":
        return script
    return f"WSGIDaemonProcess bench processes=1 threads={THREADS_OF_DAEMON}\nWSGIProcessGroup bench\n{script}"


def identity() -> str:
    """httpd refuses to serve as root."""
    if os.geteuid() != 0:
        return ""
    return f"User {ORDINARY_USER}\nGroup #{pwd.getpwnam(ORDINARY_USER).pw_gid}"


def home_opener() -> list[str]:
    """What to put before the command where Python lies below a home that `ORDINARY_USER` may not pass through."""
    if os.geteuid() != 0 or Path("~root").expanduser().stat().st_mode & 0o001:
        return []
    return [str(CHECKOUT / "scripts" / "open-home")]
