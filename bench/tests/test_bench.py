"""The parts of the benchmark that compute: parsers, the choice of workers, the figures.

Run: python3 -m unittest discover bench/tests
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import figures  # noqa: E402
import load  # noqa: E402
import measure  # noqa: E402
import peers  # noqa: E402
import proc  # noqa: E402
import report  # noqa: E402
from memory import MemorySeries  # noqa: E402


def sample(rate, errors=0, rss=0, cpu=10.0, generator=0.5):
    return measure.Sample(rate, 1.0, 2.0, cpu, rss, rss, errors, 0.0, generator)


def series(scenario, key, *samples, failure=None):
    return measure.Series(scenario, key, key.split("-")[0], list(samples), failure)


def figure(found, title):
    return next(one for one in found if one.title.startswith(title))


class Parsers(unittest.TestCase):
    def test_a_command_name_may_look_like_fields(self):
        line = "42 (a) S 7 (x) S 5 1 1 0 -1 0 0 0 0 0 300 200 100 50 20 0 1 0 0"
        ticks = proc.TICKS_PER_SECOND
        self.assertEqual(proc.parse_stat(line), proc.Process(42, 5, 500 / ticks, 150 / ticks))

    def test_memory_is_read_in_bytes(self):
        text = "00-ff ---p 00 00:00 0 [rollup]\nRss: 10 kB\nPss: 4 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n"
        self.assertEqual(proc.parse_rollup(text), proc.Memory(10240, 4096, 3072))

    def test_the_rate_counts_good_answers_only(self):
        errors = {"connect": 0, "read": 1, "write": 0, "timeout": 0, "status": 20}
        line = json.dumps({"requests": 100, "duration": 2_000_000, "p50": 10, "p99": 2500, "errors": errors})
        seen = load.parse_output(subprocess.CompletedProcess([], 0, stdout=f"Running…\n{line}\n", stderr=""), cpu=0.5)
        self.assertEqual((seen.rate, seen.p99), (40.0, 2.5))

    def test_wrk_without_a_report_is_a_failure(self):
        with self.assertRaisesRegex(load.LoadFailed, "unable to connect"):
            load.parse_output(subprocess.CompletedProcess([], 1, stdout="", stderr="unable to connect"), cpu=0)

    def test_a_failed_build_is_explained_by_its_error_lines(self):
        stderr = "Building\n  x.c:1: fatal error: ev.h: No such file\nerror: subprocess-exited-with-error\n"
        self.assertEqual(peers.reason(stderr), "x.c:1: fatal error: ev.h: No such file")


class Workers(unittest.TestCase):
    def test_a_supervisor_is_not_a_worker(self):
        before = [proc.Process(1, 0, 1.0, 0), proc.Process(2, 1, 0.0, 0), proc.Process(3, 1, 0.0, 0)]
        after = [proc.Process(1, 0, 1.01, 0), proc.Process(2, 1, 2.0, 0), proc.Process(3, 1, 1.0, 0)]
        self.assertEqual(measure.worker_pids(before, after), [2, 3])

    def test_a_server_without_a_supervisor_is_its_own_worker(self):
        self.assertEqual(measure.worker_pids([proc.Process(1, 0, 1.0, 0)], [proc.Process(1, 0, 3.0, 0)]), [1])


class Figures(unittest.TestCase):
    def test_a_ratio_is_the_median_of_the_rounds(self):
        ours = series("hello", "rickhouse-main-1t", sample(100), sample(300), sample(120))
        theirs = series("hello", "fastpysgi-1t", sample(100), sample(100), sample(100))
        found = figure(figures.throughput_figures([ours, theirs], {}), "hello, one thread / FastPySGI")
        self.assertTrue(found.reached)
        self.assertEqual(found.value, "1.20 × (rounds 1.00 to 3.00)")

    def test_a_rate_that_wrk_limits_is_marked(self):
        ours = series("hello", "rickhouse-main-1t", sample(120, cpu=5.0, generator=0.97))
        theirs = series("hello", "granian-1t", sample(100, cpu=12.5))
        found = figure(figures.throughput_figures([ours, theirs], {}), "hello, one thread / granian")
        self.assertFalse(found.reached)
        self.assertIn("2.50 ×", found.note)

    def test_sleeping_fast_enough_but_with_errors_is_missed(self):
        found = figures.throughput_figures([series("sleep", "rickhouse-main-64t", sample(6300, errors=1))], {})
        self.assertFalse(figure(found, "10 ms sleep").reached)

    def test_what_is_missing_is_named_with_its_reason(self):
        absent = {"rickhouse": "not built", "rickhouse-off": "no such Python"}
        found = figures.throughput_figures([], absent)
        self.assertIn("no such Python", figure(found, "CPU-bound, free-threaded").note)
        self.assertIn("not built", figure(found, "CPU-bound, own GIL").note)
        self.assertTrue(all(one.reached is None for one in found))

    def test_an_interpreter_is_weighed_against_a_worker(self):
        def sized(*megabytes):
            return [proc.Memory(0, int(size * 1e6), 0) for size in megabytes]

        weighed = MemorySeries(
            "hello",
            {("workers", 1): sized(20), ("workers", 3): sized(40), ("own", 1): sized(21), ("own", 3): sized(33)},
        )
        found = figures.memory_figures([weighed], {})[0]
        self.assertEqual((found.value, found.reached), ("60% (6.0 of 10.0 MB)", True))


class Report(unittest.TestCase):
    def test_numbers_end_in_one_column(self):
        self.assertEqual(report.aligned([["server", "req/s"], ["a", "1"]]), ["server  req/s", "a           1"])


if __name__ == "__main__":
    unittest.main()
