"""What the scripts decide by themselves. Run: python3 -m unittest discover -s scripts/tests"""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dev import cargo, console, environments, fetch, httpds, lanes, paths, pythons  # noqa: E402


def python(version, free_threaded=False, root=None):
    return pythons.Python(Path(f"/python/{version}"), version, free_threaded, True, root)


class Pythons(unittest.TestCase):
    def test_a_build_is_named_after_its_minor_version(self):
        self.assertEqual(python((3, 13, 0)).name, "3.13")
        self.assertEqual(python((3, 13, 5), free_threaded=True).name, "3.13t")

    def test_a_build_in_a_root_is_reached_by_chroot(self):
        there = python((3, 14, 0), root=Path("/cache/root"))
        self.assertEqual(there.command("python3", 1)[1:], ["/cache/root", "python3", "1"])
        self.assertEqual(python((3, 13, 0)).command("python3", 1), ["python3", "1"])

    def test_the_newest_with_a_gil_serves(self):
        found = [python((3, 14, 1), free_threaded=True), python((3, 13, 2)), python((3, 12, 9))]
        with mock.patch.object(pythons, "installed", return_value=found):
            self.assertEqual(pythons.newest_that_serves().name, "3.13")

    def test_none_that_serves_is_an_error(self):
        with mock.patch.object(pythons, "installed", return_value=[]):
            with self.assertRaises(pythons.Unavailable):
                pythons.newest_that_serves()

    def test_a_name_without_a_recipe_is_an_error_that_says_so(self):
        with mock.patch.object(pythons, "installed", return_value=[]):
            with self.assertRaisesRegex(pythons.Unavailable, "no recipe for 3.12"):
                pythons.obtain("3.12")

    def test_what_is_not_cpython_is_not_found(self):
        self.assertIsNone(pythons.probe(Path("/bin/false")))
        self.assertIsNone(pythons.probe(Path("/nowhere/python3")))


class Httpds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name).resolve()
        patch = mock.patch.dict(os.environ, {"RICKHOUSE_CACHE": folder.name})
        patch.start()
        self.addCleanup(patch.stop)

    def unpack(self, name, runs=True):
        """What scripts/fetch/httpd leaves, with a program that does or does not run."""
        folder = self.cache / name
        folder.mkdir()
        facts = {"version": "2.4.99", "httpd": "/bin/true" if runs else "/bin/false", "apxs": f"{folder}/bin/apxs",
                 "library_path": f"{folder}/lib"}  # fmt: skip
        (folder / "descriptor.json").write_text(json.dumps(facts))
        return folder

    def test_the_machines_own_release_gives_its_name(self):
        file = self.cache / "os-release"
        for text, name in [
            ('PRETTY_NAME="x"\nID=debian\nVERSION_ID="12"\n', "debian-12"),
            ("ID=debian\nVERSION_CODENAME=forky\n", "debian-forky"),
            ("", "unknown-unknown"),
        ]:
            file.write_text(text)
            self.assertEqual(httpds.release(file), name)

    def test_what_was_made_is_found_again(self):
        folder = self.unpack(f"httpd-{httpds.release()}")
        found = httpds.obtain(python((3, 13, 0)), make=False)
        self.assertEqual(found.environment(), {"RICKHOUSE_HTTPD": str(folder), "RICKHOUSE_APXS": f"{folder}/bin/apxs"})

    def test_an_httpd_that_does_not_run_any_more_is_made_anew(self):
        name = f"httpd-{httpds.release()}"
        self.unpack(name, runs=False)
        with self.assertRaisesRegex(httpds.Unavailable, "not made yet"):
            httpds.obtain(python((3, 13, 0)), make=False)
        with mock.patch.object(httpds.fetch, "make") as make:
            with self.assertRaisesRegex(httpds.Unavailable, "holds no httpd that runs"):
                httpds.obtain(python((3, 13, 0)))
        make.assert_called_once_with([httpds.fetch.script("httpd"), str(self.cache / name)])

    def test_a_root_has_an_httpd_of_its_own(self):
        with mock.patch.object(httpds.fetch, "make") as make, self.assertRaises(httpds.Unavailable):
            httpds.obtain(python((3, 14, 0), root=Path("/cache/forky")))
        command = make.call_args.args[0]
        self.assertEqual(command[1:], ["/cache/forky", httpds.fetch.script("httpd"), str(self.cache / "httpd-forky")])

    def test_the_last_words_of_a_script_are_the_reason(self):
        with self.assertRaisesRegex(fetch.Unavailable, "^no network$"):
            fetch.make(["sh", "-c", "echo no network >&2; exit 1"])


class Cargo(unittest.TestCase):
    def test_every_crate_is_tested_once(self):
        pure, on_python = cargo.crates()
        self.assertIn("rickhouse-wsgi", pure)
        self.assertTrue({"rickhouse", "rickhouse-host", "rickhouse-python"} <= set(on_python))
        self.assertFalse(set(pure) & set(on_python))

    def test_a_crate_without_tests_is_left_out(self):
        def package(name, test, *needs):
            dependencies = [{"name": need} for need in needs]
            return {"name": name, "dependencies": dependencies, "targets": [{"test": False}, {"test": test}]}

        found = [package("rickhouse-python", True), package("pure", True), package("module", False, "rickhouse-python")]
        said = mock.Mock(stdout=json.dumps({"packages": found}))
        with mock.patch.object(cargo.subprocess, "run", return_value=said):
            self.assertEqual(cargo.crates(), (["pure"], ["rickhouse-python"]))

    def test_a_root_has_its_own_target_folder(self):
        with mock.patch.dict(os.environ, {"CARGO_TARGET_DIR": "/tmp/target"}), mock.patch.object(Path, "mkdir"):
            inside = cargo.environment(python((3, 14, 0), root=Path("/cache/forky")))
            outside = cargo.environment(python((3, 13, 0)))
        self.assertEqual(inside["CARGO_TARGET_DIR"], "/tmp/target-forky")
        self.assertEqual(outside["CARGO_TARGET_DIR"], "/tmp/target")


class Environments(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = environments.Environment(self.folder, python((3, 13, 0)))
        patch = mock.patch.object(environments, "run")
        self.run = patch.start()
        self.addCleanup(patch.stop)

    def test_it_is_made_again_only_with_another_python(self):
        self.environment.make()
        self.environment.make()
        self.assertEqual(self.run.call_count, 1)
        environments.Environment(self.folder, python((3, 12, 0))).make()
        self.assertEqual(self.run.call_count, 2)

    def test_requirements_are_installed_again_when_they_change(self):
        with mock.patch.object(environments, "CHECKOUT", self.folder):
            file = self.folder / "requirements.txt"
            for content, calls in [("a==1", 1), ("a==1", 1), ("a==2", 2)]:
                file.write_text(content)
                self.environment.install_requirements([file])
                self.assertEqual(self.run.call_count, calls)

    def test_a_build_that_failed_is_not_taken_for_current(self):
        self.run.side_effect = console.Failed(["pip"], "exit status 1")
        for _ in range(2):
            with self.assertRaises(console.Failed):
                self.environment.install_rickhouse("e2e")
        self.assertEqual(self.run.call_count, 2)


class Commands(unittest.TestCase):
    def test_a_failure_names_the_command_and_how_it_ended(self):
        with self.assertRaisesRegex(console.Failed, "^false: exit status 1$"):
            console.run(["false"])

    def test_a_command_that_hangs_is_stopped_with_its_children(self):
        with tempfile.NamedTemporaryFile() as pid_file:
            script = f"sleep 600 & echo $! > {pid_file.name}; wait"
            with self.assertRaisesRegex(console.Failed, "stopped after"):
                console.run(["sh", "-c", script], limit=2)
            child = int(Path(pid_file.name).read_text())
        self.assertTrue(ended(child), f"process {child} is still there")


class Lanes(unittest.TestCase):
    """In a process of its own, whose standard output is looked at."""

    def run_with(self, text):
        program = f"import sys; sys.path.insert(0, {str(Path(lanes.__file__).parents[1])!r})\n" \
            "from dev.console import Failed, run, say\nfrom dev.lanes import Lane\n" + textwrap.dedent(text)
        return subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, timeout=60)

    def test_what_is_printed_beside_each_other_is_not_mixed(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_with(f"""
                def talk(name, other):
                    for step in range(2):
                        run(["sh", "-c", f"echo {{name}}{{step}}; : >{folder}/{{name}}; "
                             f"until [ -e {folder}/{{other}} ]; do sleep 0.01; done"])
                        say(name)
                with Lane() as one, Lane() as two:
                    for each in [one.submit(talk, "a", "b"), two.submit(talk, "b", "a")]:
                        each.result()
                """)
        words = done.stdout.split()
        for name in "ab":
            first = words.index(f"{name}0")
            self.assertEqual(words[first:first + 6], [f"{name}0", "==>", name, f"{name}1", "==>", name])

    def test_a_failure_shows_what_was_printed_and_reaches_who_asks(self):
        done = self.run_with("""
            with Lane() as lane:
                future = lane.submit(run, ["sh", "-c", "echo words; exit 3"])
                print(repr(future.exception().status))
            """)
        self.assertEqual(sorted(done.stdout.split()), ["3", "words"])

    def test_an_exception_ends_what_runs_and_starts_nothing_more(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_with(f"""
                import os, time
                with Lane() as lane:
                    lane.submit(run, ["sh", "-c", "echo $$ >{folder}/new; mv {folder}/new {folder}/pid; sleep 600"])
                    lane.submit(run, ["touch", "{folder}/second"])
                    while not os.path.exists("{folder}/pid"):
                        time.sleep(0.01)
                    raise SystemExit(7)
                """)
            self.assertEqual(done.returncode, 7, done.stderr)
            self.assertTrue(ended(int(Path(folder, "pid").read_text())))
            self.assertFalse(Path(folder, "second").exists())

    def test_niceness_is_the_lanes_alone(self):
        done = self.run_with("""
            with Lane(niceness=3) as lane:
                lane.submit(run, ["nice"]).result()
                run(["nice"])
            """)
        nicer, own = map(int, done.stdout.split())
        self.assertEqual(nicer, min(own + 3, 19))


def ended(process):
    """Whether a process ends within ten seconds; a zombie that nobody waits for has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


class Cache(unittest.TestCase):
    def test_the_folder_can_be_named(self):
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.dict(os.environ, {"RICKHOUSE_CACHE": f"{folder}/mine"}):
                self.assertEqual(paths.cache_folder(), Path(folder).resolve() / "mine")


if __name__ == "__main__":
    unittest.main()
