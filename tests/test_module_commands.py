"""The commands about the module for Apache httpd. Whether httpd takes what they print is shown by tests/httpd."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.command import executable
from harness.server import environment

PREFIX = Path(executable()).parents[1]
NO_APXS = {"PATH": "/nonexistent"}


@pytest.fixture
def run(tmp_path):
    def run(*arguments, env=None):
        return subprocess.run(
            [executable(), *arguments], cwd=tmp_path, env=environment("module", env),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


@pytest.fixture
def module(run):
    return Path(run("module-location").stdout.removesuffix("\n"))


@pytest.fixture
def apxs(tmp_path):
    """Puts a script called apxs on PATH."""

    def apxs(script):
        program = tmp_path / "bin" / "apxs"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:/usr/bin:/bin"}

    return apxs


def load_lines(module):
    return f'LoadModule wsgi_module "{module}"\nWSGIPythonHome "{PREFIX}"\n'


def test_the_module_is_part_of_the_installation(run):
    done = run("module-location")
    assert (done.returncode, done.stderr) == (0, "")
    module = Path(done.stdout.removesuffix("\n"))
    assert module.is_relative_to(PREFIX) and module.name == "mod_wsgi.so"
    assert module.read_bytes()[:4] == b"\x7fELF"


def test_the_configuration_loads_it_with_this_environment(run, module):
    done = run("module-config")
    assert (done.returncode, done.stdout, done.stderr) == (0, load_lines(module), "")


@pytest.mark.parametrize("before", [None, b"an older one"])
def test_installing_copies_it_to_the_folder_named(run, module, tmp_path, before):
    folder = tmp_path / "modules"
    folder.mkdir()
    copy = folder / "mod_wsgi.so"
    if before:
        copy.write_bytes(before)
    # A relative folder is the shell's; httpd would look below ServerRoot.
    done = run("install-module", "--modules-directory", "modules", env=NO_APXS)
    assert (done.returncode, done.stdout, done.stderr) == (0, load_lines(copy), "")
    assert copy.read_bytes() == module.read_bytes()
    assert os.listdir(folder) == ["mod_wsgi.so"]
    assert copy.stat().st_mode & 0o444 == 0o444


def test_installing_asks_apxs_for_the_folder(run, module, tmp_path, apxs):
    folder = tmp_path / "modules"
    folder.mkdir()
    env = apxs(f'[ "$*" = "-q LIBEXECDIR" ] && echo "{folder}"')
    done = run("install-module", env=env)
    assert (done.returncode, done.stdout) == (0, load_lines(folder / "mod_wsgi.so"))
    assert (folder / "mod_wsgi.so").read_bytes() == module.read_bytes()


def failure(done):
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rickhouse: ") and done.stderr.count("\n") == 1
    return done.stderr


def test_without_apxs_the_folder_must_be_named(run):
    said = failure(run("install-module", env=NO_APXS))
    assert "there is no apxs on PATH" in said and "--modules-directory" in said


def test_an_apxs_that_fails_is_quoted(run, apxs):
    said = failure(run("install-module", env=apxs("echo no httpd here >&2; exit 3")))
    assert "exit status: 3" in said and "no httpd here" in said


def test_an_apxs_that_says_nothing_is_no_help(run, apxs):
    assert "which is no folder" in failure(run("install-module", env=apxs("echo")))


def test_a_folder_that_is_not_there_is_not_made(run, tmp_path):
    said = failure(run("install-module", "--modules-directory", str(tmp_path / "nowhere")))
    assert f"{tmp_path}/nowhere/mod_wsgi.so cannot be written" in said
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [["module-location", "x"], ["module-config", "--bind", ":1"], ["install-module", "x"]],
    ids=" ".join,
)
def test_other_arguments_are_bad_usage(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[1] in done.stderr


def test_no_configuration_is_read(run, tmp_path):
    (tmp_path / "rickhouse.toml").write_text("nonsense = 1\n")
    assert run("module-location", env={"RICKHOUSE_NONSENSE": "1"}).returncode == 0
