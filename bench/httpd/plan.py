"""What is asked of both modules, and the figure that each is held to."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios import MIB, SCENARIOS, Scenario, equals

CONNECTIONS = 16
MODES = ("daemon", "embedded")
KNOWN = {scenario.name: scenario for scenario in SCENARIOS}
HELLO, LARGE, POST = KNOWN["hello"], KNOWN["1mib"], KNOWN["post"]
FILE = Scenario("file", "1 MiB by file_wrapper", "file", equals(b"x" * MIB))


@dataclass(frozen=True)
class Run:
    """A scenario in one mode; `most` is how much CPU per request rickhouse may take of what mod_wsgi takes."""

    mode: str
    scenario: Scenario
    most: float

    @property
    def name(self) -> str:
        return f"{self.mode}-{self.scenario.name}"

    def renamed(self) -> Scenario:
        """The scenario with a name and a title that tell the modes apart."""
        scenario = self.scenario
        return Scenario(self.name, f"{self.mode}: {scenario.title}", scenario.module, scenario.is_right, scenario.post_bytes)


RUNS = [
    Run("daemon", HELLO, 0.60),
    Run("daemon", LARGE, 0.45),
    Run("daemon", FILE, 0.45),
    Run("daemon", POST, 0.70),
    Run("embedded", HELLO, 0.85),
    Run("embedded", LARGE, 0.90),
]
