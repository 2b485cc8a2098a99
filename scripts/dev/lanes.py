"""Parts of a run beside each other: tests wait more than they work, and builds work."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, TypeVar

from . import console

T = TypeVar("T")


class Lane:
    """One thing after the other, in a thread of its own; what each prints is shown in one piece when it ends."""

    def __init__(self, niceness: int = 0) -> None:
        # On Linux the niceness is the thread's, and the processes' that the thread starts.
        self._pool = ThreadPoolExecutor(1, initializer=os.nice, initargs=(niceness,))

    def submit(self, action: Callable[..., T], *arguments: object) -> Future[T]:
        def whole() -> T:
            with console.held():
                return action(*arguments)

        return self._pool.submit(whole)

    def __enter__(self) -> Lane:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Waits for what was submitted; when something was raised, or somebody wants to stop, it ends that."""
        if kind is not None:
            console.stop_everything()
        self._pool.shutdown(cancel_futures=kind is not None)
