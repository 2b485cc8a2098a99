"""Running commands so that a person, or a log nobody watches live, can see what goes on."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Iterator, Sequence

from .paths import CHECKOUT

#: What each thread holds back, see `held`.
_own = threading.local()
_printing = threading.Lock()
#: What runs now, of all threads; None when nothing may be started any more.
_running: set[subprocess.Popen[bytes]] | None = set()


class Failed(Exception):
    """A command that did not end with 0; its output has been shown already. Without a `status` it was stopped."""

    def __init__(self, command: Sequence[str], reason: str, status: int | None = None) -> None:
        super().__init__(f"{shlex.join(command)}: {reason}")
        self.status = status


def say(text: str) -> None:
    line = f"==> {text}\n"
    held_back = _held_back()
    if held_back is None:
        _write_line(line)
    else:
        held_back.append(line)


def announce(text: str) -> None:
    """Says at once what this thread begins with, if all else it says is held back."""
    if _held_back() is not None:
        _write_line(f"==> beside: {text}\n")


def _write_line(line: str) -> None:
    """In one piece, unlike `print`, which writes the end of the line by itself."""
    sys.stderr.write(line)
    sys.stderr.flush()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """What this thread says and runs meanwhile is shown in one piece at the end: other threads have something to say too."""
    _own.lines = []
    try:
        yield
    finally:
        text, _own.lines = "".join(_own.lines), None
        with _printing:
            # What runs in front may be in the middle of a line.
            sys.stdout.write("\n" + text)
            sys.stdout.flush()


def _held_back() -> list[str] | None:
    return getattr(_own, "lines", None)


def stop_everything() -> None:
    """Ends what any thread runs; whatever is started later fails."""
    global _running
    stopped, _running = _running or set(), None
    for process in list(stopped):
        _stop(process)


def run(command: Sequence[object], env: dict[str, str] | None = None, limit: float = 1800, quiet: bool = False) -> None:
    """Runs a command in the checkout, without stdin. After `limit` seconds it is stopped with all that it started.

    With `quiet` its output is shown only when it fails.
    """
    words = [str(word) for word in command]
    held_back = _held_back()
    sys.stdout.flush()
    if _running is None:
        raise Failed(words, "not started, as everything is being stopped")
    with contextlib.ExitStack() as stack:
        # A file, since a pipe ends only when the last process that got it does.
        kept = stack.enter_context(tempfile.TemporaryFile()) if quiet or held_back is not None else None
        process = subprocess.Popen(
            words, cwd=CHECKOUT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, start_new_session=True,
            stdout=kept, stderr=subprocess.STDOUT if kept else None,
        )
        reason = _wait(process, limit)
        if kept and (reason or not quiet):
            kept.seek(0)
            _show(kept.read().decode(errors="replace"), held_back)
    if reason:
        raise Failed(words, reason, process.returncode if process.returncode > 0 else None)


def _wait(process: subprocess.Popen[bytes], limit: float) -> str:
    """Why the process did not end well, or nothing when it did."""
    running = _running
    if running is not None:
        running.add(process)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"stopped after {limit:.0f} s"
    except BaseException:
        _stop(process)
        raise
    finally:
        if running is not None:
            running.discard(process)
    return f"exit status {process.returncode}" if process.returncode else ""


def _show(text: str, held_back: list[str] | None) -> None:
    if held_back is None:
        sys.stdout.write(text)
    else:
        held_back.append(text)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group that `run` made for this command, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
