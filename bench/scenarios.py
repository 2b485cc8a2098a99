"""What is asked of every server: one application, one kind of request, and how the right answer looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

BENCH = Path(__file__).resolve().parent
APPS = BENCH / "apps"
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Scenario:
    """`module` names a file of bench/apps; `post_bytes` makes the request a POST of that many bytes."""

    name: str
    title: str
    module: str
    is_right: Callable[[bytes], bool]
    post_bytes: int | None = None


def equals(expected: bytes) -> Callable[[bytes], bool]:
    return lambda body: body == expected


UPLOAD_BYTES = 64 * KIB

SCENARIOS = [
    Scenario("hello", "hello", "hello", equals(b"Hello, World!")),
    Scenario("cpu", "CPU-bound, about 1 ms of Python", "cpu", equals(b"732248835500")),
    Scenario("sleep", "10 ms sleep", "sleep", equals(b"slept")),
    Scenario("1mib", "1 MiB response", "large", equals(b"x" * MIB)),
    Scenario("post", "64 KiB POST", "upload", equals(str(UPLOAD_BYTES).encode()), post_bytes=UPLOAD_BYTES),
]
