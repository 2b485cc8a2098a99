"""Reading a server's log, and deciding which of its lines a test must explain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .wait import until

#: Never seen in a healthy server, whatever a client or an application did.
_ALARMS = re.compile(
    r"Traceback \(most recent call last\)|panicked at|\bSAFETY\b|double free|free\(\): invalid"
    r"|munmap_chunk|corrupted|Fatal Python error|Segmentation fault|AddressSanitizer"
    r"|Exception ignored|garbage collected without being closed|ResourceWarning|\x1b\["
)
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
        """An exception of the application, logged with its traceback."""
        self.expect(last_line)
        self.allow(r"Traceback \(most recent call last\)")
        self.allow(r"(?i)application|exception")

    def complaints(self) -> list[str]:
        """What the lines written since the last call leave unexplained; forgets the allowances."""
        text = self.text()
        # A record is seen again from its first byte if it is only half written now.
        end = text.rfind("\n") + 1
        fresh = text[self._checked : end].splitlines()
        unexplained = [line for line in fresh if self._needs_explanation(line)]
        # An expected line may have no level of its own: the last line of a traceback has none.
        for each in self._allowances:
            each.seen = each.seen or any(each.pattern.search(line) for line in fresh)
        missing = [
            f"expected in the log, not there: {each.pattern.pattern}"
            for each in self._allowances
            if each.required and not each.seen
        ]
        self._checked = end
        self._allowances.clear()
        return [f"unexpected in the log: {line}" for line in unexplained] + missing

    def _needs_explanation(self, line: str) -> bool:
        if not (_ALARMS.search(line) or _LEVELS.search(line)):
            return False
        return not any(each.pattern.search(line) for each in self._allowances)
