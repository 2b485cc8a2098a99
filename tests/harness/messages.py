"""What the log of the product says, in one place: the only texts of it this suite knows."""

from __future__ import annotations

#: One line for each listener, as soon as it accepts: the address in the form `--bind` takes it.
LISTENING_TCP = r"listening on https?://(\[[0-9a-fA-F:]+\]|[0-9.]+):(\d+)"
LISTENING_UNIX = r"listening on unix:(\S+)"
#: Once, when every worker of a start or of a reload has loaded the application.
READY = r"\bready\b"
#: The first lines: which Python, which mode, and the three factors of the concurrency.
PYTHON = r"(?i)\bPython\D{0,3}(\d+\.\d+\.\d+)"
GIL_MODE = r"(?i)\bgil\W+(?:mode\W+)?\"?(shared|own|off)\b"


def concurrency(workers: int, interpreters: int, threads: int) -> str:
    """The line that multiplies out what runs, as `1 worker × 2 interpreters × 4 threads`."""
    return (
        rf"\b{workers} workers? (?:×|x) {interpreters} interpreters? (?:×|x) {threads} threads?\b"
    )
