"""What the log of the product says, in one place: the only texts of it this suite knows."""

from __future__ import annotations

#: One line for each listener, as soon as it accepts: the address in the form `--bind` takes it.
LISTENING_TCP = r"listening on https?://(\[[0-9a-fA-F:]+\]|[0-9.]+):(\d+)"
#: The same for `--health-bind`, in words that tell the two apart.
HEALTH = r"(?i)health[^/]*http://(\[[0-9a-fA-F:]+\]|[0-9.]+):(\d+)"
LISTENING_UNIX = r"listening on unix:(\S+)"
#: Once, when every worker of the first start has loaded the application.
READY = r"all workers are ready"
#: The first lines: which Python, which mode, and the three factors of the concurrency.
PYTHON = r"\bPython (\d+\.\d+\.\d+)"
GIL_MODE = r"\bGIL (shared|own|off)\b"


def concurrency(workers: int, interpreters: int | None, threads: int) -> str:
    """What runs, multiplied out, as `1 worker x 2 interpreters x 4 threads`."""
    middle = "main interpreter" if interpreters is None else f"{interpreters} interpreters?"
    return rf"\b{workers} workers? [x×] {middle} [x×] {threads} threads?\b"
