"""The parts of the httpd benchmark that compute. Run: python3 -m unittest discover bench/tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import load  # noqa: E402
import measure  # noqa: E402
import proc  # noqa: E402
from httpd import configuration, figures, plan  # noqa: E402
from httpd.memory import DaemonMemory  # noqa: E402
from httpd.modules import OURS, THEIRS  # noqa: E402
from httpd.restarts import RestartSeries  # noqa: E402

HELLO = plan.RUNS[0]


def series(key, *cpus, failure=None):
    samples = [measure.Sample(1000, 1.0, 2.0, cpu, 0, 0, 0, 0.0, 0.5) for cpu in cpus]
    return measure.Series(HELLO.name, key, key, samples, failure)


def restarted(key, rotation, **errors):
    kinds = {**dict.fromkeys(("connect", "read", "write", "timeout", "status"), 0), **errors}
    return RestartSeries(key, rotation, [load.Load(1000, 6.0, 1.0, 2.0, kinds, 0.1)])


class Figures(unittest.TestCase):
    def test_cpu_is_compared_within_a_round(self):
        found = figures.cpu_figure(HELLO, [series(OURS, 50, 200, 30), series(THEIRS, 100, 300, 100)])
        self.assertTrue(found.reached)
        self.assertIn("0.50 × (rounds 0.30 to 0.67)", found.value)

    def test_more_than_the_limit_is_missed(self):
        self.assertFalse(figures.cpu_figure(HELLO, [series(OURS, 61), series(THEIRS, 100)]).reached)

    def test_a_module_that_failed_is_named(self):
        found = figures.cpu_figure(HELLO, [series(OURS, failure="it broke"), series(THEIRS, 1)])
        self.assertIsNone(found.reached)
        self.assertIn("it broke", found.note)

    def test_memory_is_the_median_of_resident_sizes(self):
        def seen(*sizes):
            return [proc.Memory(size, 1, 1) for size in sizes]

        found = figures.memory_figure([DaemonMemory(THEIRS, seen(10, 10, 99)), DaemonMemory(OURS, seen(10, 99, 9))])
        self.assertTrue(found.reached)

    def test_resets_that_httpd_itself_causes_are_not_held_against_a_module(self):
        both = [restarted(OURS, "Off", read=9), restarted(THEIRS, "Off", read=3, status=4)]
        self.assertTrue(figures.restart_figure("Off", both).reached)

    def test_with_the_socket_kept_nothing_may_fail(self):
        both = [restarted(OURS, "Off", status=1), restarted(THEIRS, "Off", status=4)]
        self.assertFalse(figures.restart_figure("Off", both).reached)
        both = [restarted(OURS, "On", status=4), restarted(THEIRS, "On", timeout=4)]
        self.assertTrue(figures.restart_figure("On", both).reached)


class Configuration(unittest.TestCase):
    def test_only_daemon_mode_has_a_group(self):
        self.assertNotIn("WSGIDaemonProcess", configuration.mounted("hello", "embedded"))
        self.assertIn("WSGIProcessGroup bench", configuration.mounted("hello", "daemon"))

    def test_modes_are_told_apart(self):
        names = [run.renamed().name for run in plan.RUNS]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
