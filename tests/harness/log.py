"""Reading a server's log, and deciding which of its lines a test must explain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .wait import until

#: Never seen in a healthy server, whatever a client or an application did.
_ALARMS = re.compile(
    r"Traceback \(most recent call last\)|panicked at|\bSAFETY\b|double free|free\(\): invalid"
    r"|munmap_chunk|corrupted|Fatal Python error|Segmentation fault|AddressSanitizer"
    r"|Exception ignored|garbage collected without being closed|ResourceWarning|\x1b\["
)
_TRACEBACK = "Traceback (most recent call last)"
_LEVELS = re.compile(r"\b(WARN|ERROR)\b")


@dataclass
class _Allowance:
    pattern: re.Pattern[str]
    required: bool
    seen: bool = False


class Log:
    """The text a server writes to standard error, by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked = 0
        self._allowances: list[_Allowance] = []
        self._tracebacks: list[_Allowance] = []

    def text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def since(self, offset: int) -> str:
        return self.text()[offset:]

    def mark(self) -> int:
        """A place to give to `since` and `wait_for`."""
        return len(self.text())

    def search(self, pattern: str, since: int = 0) -> re.Match[str] | None:
        return re.search(pattern, self.since(since), re.MULTILINE)

    def count(self, pattern: str, since: int = 0) -> int:
        return len(re.findall(pattern, self.since(since), re.MULTILINE))

    def wait_for(
        self, pattern: str, *, since: int = 0, count: int = 1, deadline: float = 15.0
    ) -> re.Match[str]:
        until(
            lambda: self.count(pattern, since) >= count,
            f"{count} × /{pattern}/ in the log",
            deadline,
        )
        found = self.search(pattern, since)
        assert found
        return found

    def expect(self, pattern: str) -> None:
        """Lines that must appear before the test ends, and that it thereby explains."""
        self._allowances.append(_Allowance(re.compile(pattern), required=True))

    def allow(self, pattern: str) -> None:
        """Lines that may appear."""
        self._allowances.append(_Allowance(re.compile(pattern), required=False))

    def expect_traceback(self, last_line: str) -> None:
        """An exception of the application, logged with its traceback up to this line."""
        self._tracebacks.append(_Allowance(_raised(last_line), required=True))
        self.allow("(?i)application|exception")

    def allow_traceback(self, last_line: str) -> None:
        """As `expect_traceback`, for an exception that need not happen."""
        self._tracebacks.append(_Allowance(_raised(last_line), required=False))
        self.allow("(?i)application|exception")

    def complaints(self) -> list[str]:
        """What the lines written since the last call leave unexplained; forgets the allowances."""
        text = self.text()
        # A record is seen again from its first byte if it is only half written now.
        end = text.rfind("\n") + 1
        fresh = text[self._checked : end].splitlines()
        unexplained = [line for line in self._outside_tracebacks(fresh) if self._is_alarming(line)]
        # An expected line may have no level of its own: the last line of a traceback has none.
        for each in self._allowances:
            each.seen = each.seen or any(each.pattern.search(line) for line in fresh)
        missing = [
            f"expected in the log, not there: {each.pattern.pattern}"
            for each in [*self._allowances, *self._tracebacks]
            if each.required and not each.seen
        ]
        self._checked = end
        self._allowances.clear()
        self._tracebacks.clear()
        return [f"unexpected in the log: {line}" for line in unexplained] + missing

    def _outside_tracebacks(self, lines: list[str]) -> Iterator[str]:
        """Leaves out each traceback that ends as some expected one does.

        An exception that no Python code raised has only that last line.
        """
        inside: list[str] = []
        for line in lines:
            ends = [each for each in self._tracebacks if each.pattern.search(line)]
            for each in ends:
                each.seen = True
            if not inside and not (self._tracebacks and _TRACEBACK in line):
                yield line
                continue
            inside.append(line)
            if ends:
                inside = []
        yield from inside

    def _is_alarming(self, line: str) -> bool:
        if not (_ALARMS.search(line) or _LEVELS.search(line)):
            return False
        return not any(each.pattern.search(line) for each in self._allowances)


def _raised(last_line: str) -> re.Pattern[str]:
    """The line that names the exception, and not the line of source that raises it."""
    return re.compile(f"(?<!raise )(?:{last_line})")
