"""Waiting for conditions. Nothing in this suite waits for a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Multiplies every deadline, for machines much slower than two ordinary cores.
PATIENCE = float(os.environ.get("RICKHOUSE_TEST_PATIENCE", "1"))


def until(condition: Callable[[], T], what: str, deadline: float = 15.0) -> T:
    """Polls `condition` until it is true and returns its value; fails after `deadline` seconds."""
    end = time.monotonic() + deadline * PATIENCE
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline * PATIENCE:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
