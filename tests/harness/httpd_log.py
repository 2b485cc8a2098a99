"""The error log of an httpd: records with module, level and process, and what a test must explain of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .log import Log, _Allowance, _raised
from .wait import until

_RECORD = re.compile(
    r"\[(?P<time>[^\]]+)\] \[(?P<module>[^:\]]*):(?P<level>[a-z0-9]+)\] "
    r"\[pid (?P<pid>\d+)\] (?:\[tid (?P<tid>\d+)\] )?(?:\[client (?P<client>[^\]]+)\] )?(?P<text>.*)"
)
_SEVERE = ("emerg", "alert", "crit", "error")
#: Whatever level they have: a crash of a child, and the words of Rust and of the C library for a defect.
_ALARMS = re.compile(
    r"AH00052|AH00051|exit signal|panicked at|internal error|double free|free\(\): invalid|corrupted|munmap_chunk"
    r"|Fatal Python error|Exception ignored|garbage collected without being closed|ResourceWarning|AddressSanitizer"
)
#: What httpd says of itself when it is stopped while a connection it has answered still lingers.
_LINGERING = "AH03092: process_lingering_close"


@dataclass(frozen=True)
class Record:
    time: str
    module: str
    level: str
    pid: int
    #: None under prefork, whose children have no threads.
    tid: int | None
    client: str | None
    text: str

    @property
    def code(self) -> str | None:
        found = re.match(r"(?:\[script [^\]]+\] )?WSGI(\d{4}): ", self.text)
        return found[1] if found else None


def parse(line: str) -> Record | None:
    found = _RECORD.fullmatch(line)
    if not found:
        return None
    words = found.groupdict()
    tid = words["tid"] and int(words["tid"])
    return Record(**words | {"pid": int(words["pid"]), "tid": tid})


class HttpdLog(Log):
    """Alarming is what is of level `error` or above, what mod_wsgi warns of, and what is no record at all."""

    def records(self, pattern: str = "", since: int = 0) -> list[Record]:
        """The records whose text matches."""
        found = (parse(line) for line in self.since(since).splitlines())
        return [each for each in found if each and re.search(pattern, each.text)]

    def wait_record(self, pattern: str, since: int = 0, deadline: float = 20.0) -> Record:
        return until(lambda: self.records(pattern, since), f"a record /{pattern}/", deadline)[0]

    def expect_code(self, code: int, words: str = "") -> None:
        """One record with this number, and with the phrase people search for."""
        self.expect(rf"WSGI{code:04}: .*{words}")

    def expect_exception(self, last_line: str, code: int = 174) -> None:
        """An exception of the application: its header, and its traceback up to this line."""
        self.expect_code(code)
        self._expect_traceback(last_line, required=True)

    def allow_exception(self, last_line: str, code: int = 174) -> None:
        self.allow(rf"WSGI{code:04}: ")
        self._expect_traceback(last_line, required=False)

    def _expect_traceback(self, last_line: str, required: bool) -> None:
        self._tracebacks.append(_Allowance(_raised(last_line), required))
        # What no Python code raised has no traceback above this line.
        self.allow(rf"\] (\[script [^\]]+\] )?(?:{last_line})")

    def complaints(self) -> list[str]:
        self._wait_for_required()
        return super().complaints()

    def forget(self) -> None:
        """What was logged up to now needs no explanation; for a test that fails on purpose."""
        self._allowances.clear()
        self._tracebacks.clear()
        self._checked = len(self.text())

    def _wait_for_required(self) -> None:
        """A record may be written after the response it belongs to has arrived."""
        required = [each for each in (*self._allowances, *self._tracebacks) if each.required]

        def all_seen() -> bool:
            fresh = self.text()[self._checked :].splitlines()
            return all(any(each.pattern.search(line) for line in fresh) for each in required)

        try:
            until(all_seen, "the expected records", 5)
        except AssertionError:
            pass  # the base class says which is missing

    def _is_alarming(self, line: str) -> bool:
        record = parse(line)
        severe = record is None or record.level in _SEVERE or (record.module == "wsgi" and record.level == "warn")
        if not line.strip() or _LINGERING in line or not (severe or _ALARMS.search(line)):
            return False
        return not any(each.pattern.search(line) for each in self._allowances)
