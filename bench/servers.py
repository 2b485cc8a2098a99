"""The servers and their configurations: what is started for which scenario, with each one's best documented options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from peers import Environment
from scenarios import BENCH

LAUNCH = BENCH / "launch"
CONNECTIONS = 64
SLEEP_THREADS = 64


@dataclass(frozen=True)
class Entry:
    """One server in one configuration. `command` takes the module of the application and the port."""

    key: str
    family: str
    command: Callable[[str, int], list[str]]
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Shape:
    """How rickhouse is asked to run. Without `interpreters` the application runs in the main interpreter."""

    key: str
    threads: int = 1
    gil: str | None = None
    interpreters: int | None = None
    workers: int = 1

    def options(self) -> list[str]:
        options = ["--threads", str(self.threads), "--workers", str(self.workers)]
        if self.gil is not None:
            options += ["--gil", self.gil]
        if self.interpreters is not None:
            options += ["--interpreters", str(self.interpreters)]
        return options


def main(threads: int) -> Shape:
    return Shape(f"main-{threads}t", threads)


def workers(count: int) -> Shape:
    return Shape(f"main-{count}w", workers=count)


def own(interpreters: int, threads: int = 1) -> Shape:
    return Shape(f"own-{interpreters}i-{threads}t", threads, gil="own", interpreters=interpreters)


def shared(interpreters: int, threads: int = 1) -> Shape:
    return Shape(f"shared-{interpreters}i-{threads}t", threads, gil="shared", interpreters=interpreters)


def off(threads: int) -> Shape:
    return Shape(f"off-{threads}t", threads, gil="off")


# A shape with `gil="off"` runs on the free-threaded build, every other one on the build with a GIL.
SHAPES: dict[str, list[Shape]] = {
    "hello": [main(1), shared(1), own(1), off(1), main(8), off(8)],
    "cpu": [main(1), own(1), own(2), workers(2), off(1), off(2)],
    "sleep": [main(SLEEP_THREADS), own(2, SLEEP_THREADS // 2), off(SLEEP_THREADS)],
    "1mib": [main(1), own(1), off(1)],
    "post": [main(1), own(1), off(1)],
}

ONE_THREAD = [("fastpysgi", 1), ("granian", 1), ("bjoern", 1), ("uwsgi", 1), ("uwsgi-http11", 1), ("gunicorn", 1)]

PEERS: dict[str, list[tuple[str, int]]] = {
    "hello": [*ONE_THREAD, ("granian", 8), ("uwsgi", 8), ("gunicorn", 8)],
    "cpu": ONE_THREAD,
    # FastPySGI and bjoern have one thread whatever is asked of them: theirs is the rate of one sleeper.
    "sleep": [
        *((name, SLEEP_THREADS) for name in ("granian", "uwsgi", "uwsgi-http11", "gunicorn")),
        ("fastpysgi", 1),
        ("bjoern", 1),
    ],
    "1mib": ONE_THREAD,
    "post": ONE_THREAD,
}


def rickhouse_entry(command: Path, shape: Shape, folders: list[Path]) -> Entry:
    """`command` is the installed `rickhouse`; the module and what it imports are looked for in `folders`."""
    searched = [word for folder in folders for word in ("--pythonpath", str(folder))]

    def line(module: str, port: int) -> list[str]:
        serve = [str(command), "serve", f"{module}:application", "--bind", f"127.0.0.1:{port}"]
        return [*serve, *searched, "--log-level", "warning", *shape.options()]

    return Entry(f"rickhouse-{shape.key}", "rickhouse", line)


def peer_entry(environment: Environment, server: str, threads: int) -> Entry:
    family = server.split("-")[0]
    build = BUILDERS[server]
    # A thread of uWSGI's keep-alive socket stays with its connection: more connections than threads would starve.
    connections = threads if server == "uwsgi-http11" else CONNECTIONS
    return Entry(
        f"{server}-{threads}t", family, lambda module, port: build(environment, threads, module, port), connections
    )


def _fastpysgi(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    return [environment.program("python"), str(LAUNCH / "fastpysgi_app.py"), module, str(port)]


def _bjoern(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    return [environment.program("python"), str(LAUNCH / "bjoern_app.py"), module, str(port)]


def _granian(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    return [
        environment.program("granian"),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(threads), "--runtime-threads", "1"),
        *("--http", "1", "--no-ws", "--log-level", "warning"),
        f"{module}:application",
    ]


def _gunicorn(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    return [
        environment.program("gunicorn"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", str(threads)),
        *("--bind", f"127.0.0.1:{port}", "--keep-alive", "5", "--log-level", "warning"),
        *("--worker-tmp-dir", "/dev/shm", "--no-control-socket"),
        f"{module}:application",
    ]


def _uwsgi(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    """The HTTP socket closes after every answer; the header keeps the client from counting that as an error."""
    return [
        *_uwsgi_common(environment, threads, module),
        "--http-socket",
        f"127.0.0.1:{port}",
        "--add-header",
        "Connection: close",
    ]


def _uwsgi_http11(environment: Environment, threads: int, module: str, port: int) -> list[str]:
    return [*_uwsgi_common(environment, threads, module), "--http11-socket", f"127.0.0.1:{port}"]


def _uwsgi_common(environment: Environment, threads: int, module: str) -> list[str]:
    return [
        environment.program("uwsgi"),
        *("--module", f"{module}:application", "--need-app", "--single-interpreter", "--die-on-term"),
        *("--threads", str(threads), "--listen", "1024", "--disable-logging"),
    ]


BUILDERS: dict[str, Callable[[Environment, int, str, int], list[str]]] = {
    "fastpysgi": _fastpysgi,
    "granian": _granian,
    "bjoern": _bjoern,
    "uwsgi": _uwsgi,
    "uwsgi-http11": _uwsgi_http11,
    "gunicorn": _gunicorn,
}
