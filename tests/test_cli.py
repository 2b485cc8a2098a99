"""The command line: help, the effective configuration, precedence, and mistakes."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.command import executable
from harness.server import environment


@pytest.fixture
def run(tmp_path):
    """Runs the command in an empty folder; `files` are made there first."""

    def run(*arguments, env=None, files=None):
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        return subprocess.run(
            [executable(), *arguments], cwd=tmp_path, env=environment("cli", env),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


APP = {"app.py": "def application(environ, start_response): pass\n"}


# Help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["serve", "--help"], ["config", "--help"]]
)
def test_help_is_for_people(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout or "usage" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert "\x1b" not in done.stdout


def test_help_of_serve_names_every_group_of_options(run):
    text = run("serve", "--help").stdout
    names = "bind workers threads interpreters gil reload request-timeout access-logfile config"
    assert [name for name in names.split() if f"--{name}" not in text] == []


def test_version(run):
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("rickhouse ")


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["serve"], ["serve", "a", "b"]])
def test_bad_usage_is_exit_2_on_standard_error(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


# The effective configuration


def line(text, name):
    found = [each for each in text.splitlines() if each.startswith((f"{name} =", f"# {name} "))]
    assert len(found) == 1, text
    return found[0]


def test_config_prints_every_value_with_its_origin(run):
    done = run(
        "config", "app", "--workers", "3",
        env={"RICKHOUSE_THREADS": "5", "WEB_CONCURRENCY": "9"},
        files={**APP, "rickhouse.toml": 'keep-alive = "7s"\nbind = ["127.0.0.1:1234"]\n'},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert line(done.stdout, "workers") == "workers = 3  # command line"
    assert line(done.stdout, "threads") == "threads = 5  # environment RICKHOUSE_THREADS"
    assert line(done.stdout, "keep-alive") == 'keep-alive = "7s"  # rickhouse.toml:1'
    assert line(done.stdout, "bind") == 'bind = ["127.0.0.1:1234"]  # rickhouse.toml:2'
    assert line(done.stdout, "backlog").endswith("# default")


def test_what_config_prints_can_be_loaded_again(run, tmp_path):
    first = run("config", "app", "--threads", "4", files=APP)
    (tmp_path / "again.toml").write_text(first.stdout)
    second = run("config", "--config", "again.toml")
    assert second.returncode == 0, second.stderr

    def values(text):
        lines = (each.partition("  #")[0] for each in text.splitlines())
        return [each for each in lines if each and not each.startswith("#")]

    assert values(second.stdout) == values(first.stdout)


@pytest.mark.parametrize(
    ("arguments", "env", "toml", "expected"),
    [
        (["--threads", "2"], {"RICKHOUSE_THREADS": "3"}, "threads = 4", "2"),
        ([], {"RICKHOUSE_THREADS": "3"}, "threads = 4", "3"),
        ([], {}, "threads = 4", "4"),
        ([], {}, "", "1"),
    ],
)
def test_precedence(run, arguments, env, toml, expected):
    done = run("config", "app", *arguments, env=env, files={**APP, "rickhouse.toml": toml + "\n"})
    assert line(done.stdout, "threads").startswith(f"threads = {expected} ")


def test_pyproject_is_read_when_there_is_no_rickhouse_toml(run):
    pyproject = '[project]\nname = "x"\n[tool.rickhouse]\nthreads = 6\n'
    done = run("config", "app", files={**APP, "pyproject.toml": pyproject})
    assert line(done.stdout, "threads") == "threads = 6  # pyproject.toml:4"
    done = run("config", "app", files={"rickhouse.toml": "threads = 7\n"})
    assert line(done.stdout, "threads").startswith("threads = 7 ")


def test_a_named_file(run):
    done = run("config", "-c", "other.toml", files={**APP, "other.toml": 'target = "app"\n'})
    assert done.returncode == 0 and line(done.stdout, "target") == 'target = "app"  # other.toml:1'


def test_units(run):
    done = run(
        "config", "app", "--request-timeout", "1m", "--limit-request-body", "64MiB",
        "--switch-interval", "500us", files=APP,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_server_configured_by_its_file_alone(serve, tmp_path):
    (tmp_path / "app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [str(environ['wsgi.multithread']).encode()]\n"
    )
    (tmp_path / "rickhouse.toml").write_text('target = "app"\nbind = "127.0.0.1:0"\nthreads = 2\n')
    assert serve(None, bind=None, cwd=tmp_path).get("/").text == "True"


# Mistakes


def test_all_mistakes_are_told_at_once_with_their_places(run):
    done = run(
        "serve", "app", "--workers", "none", "--bind", "nowhere", "--wrokers", "2",
        env={"RICKHOUSE_KEEP_ALIVE": "soon", "RICKHOUSE_THREEDS": "2"},
        files={**APP, "rickhouse.toml": "threads = -1\n\nthread = 2\n"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    for said in ("--workers", "--bind", "--wrokers", "RICKHOUSE_KEEP_ALIVE", "RICKHOUSE_THREEDS",
                 "rickhouse.toml:1", "rickhouse.toml:3"):  # fmt: skip
        assert said in done.stderr, said
    assert done.stderr.count("did you mean") >= 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "0"), ("workers", "1.5"), ("threads", "0"), ("interpreters", "0"),
        ("gil", "both"), ("bind", "127.0.0.1"), ("bind", "127.0.0.1:99999"), ("bind", "fd://x"),
        ("bind", "unix:"), ("bind", "unix:/x?mode=9"), ("keep-alive", "5 parsecs"),
        ("request-timeout", "-1s"), ("limit-request-body", "1 bushel"),
        ("forwarded-allow-ips", "10.0.0.0/99"), ("forwarded-allow-ips", "proxy"),
        ("access-logformat", "%"), ("access-logformat", "%{x"), ("log-level", "loud"),
        ("umask", "9"), ("health-path", "healthz"), ("root-path", "a b\n"),
        ("config", "no-such-file.toml"), ("chdir", "/no/such/folder"),
        ("max-requests-jitter", "x"), ("switch-interval", "fast"), ("backlog", "0"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_option(run, name, value):
    done = run("serve", "app", f"--{name}={value}", files=APP)
    assert done.returncode == 2, done.stderr
    assert f"--{name}" in done.stderr
    assert "panicked" not in done.stderr and "Traceback" not in done.stderr


# What a newcomer gets wrong


def test_serving_nothing_says_what_to_name(run):
    done = run("serve", files=APP)
    assert done.returncode == 2 and "rickhouse serve package.module:application" in done.stderr


def test_a_file_that_is_not_there_is_a_mistake_on_the_command_line(run):
    done = run("serve", "site.py:application", "--bind", "127.0.0.1:0", files=APP)
    assert done.returncode == 2 and "TARGET: there is no file " in done.stderr


@pytest.mark.parametrize(
    ("target", "source", "said"),
    [
        ("ap", "", "there is no module named 'ap' in "),
        ("app:aplication", "def application(e, s): pass\n", "app has no attribute 'aplication'"),
        ("app", "x = 1\n", "app has neither 'application' nor 'app'"),
        ("app", "application = 1\n", " is not callable: int"),
        ("app:make()", "make = 1\n", "'int' object is not callable"),
    ],
)
def test_a_target_that_does_not_load_is_told_in_a_line(run, target, source, said):
    done = run("serve", target, "--bind", "127.0.0.1:0", files={"app.py": source})
    assert done.returncode == 3
    assert said in done.stderr and "bootstrap" not in done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def application(:\n", "SyntaxError: invalid syntax"),
        ("import nothing_like_it\n", "No module named 'nothing_like_it'"),
    ],
)
def test_the_traceback_of_a_start_begins_in_the_application(run, source, said):
    done = run("serve", "app", "--bind", "127.0.0.1:0", files={"app.py": source})
    assert done.returncode == 3 and said in done.stderr
    files = [each.split('"')[1] for each in done.stderr.splitlines() if 'File "' in each]
    assert [Path(file).name for file in files] == ["app.py"]


def test_an_unknown_option_suggests_the_right_one(run):
    done = run("serve", "app", "--worker", "2", files=APP)
    assert done.returncode == 2 and 'did you mean "--workers"' in done.stderr


def test_a_broken_file_is_told_with_its_line(run):
    done = run("serve", "app", files={**APP, "rickhouse.toml": "threads = 2\nworkers = = 3\n"})
    assert done.returncode == 2 and "rickhouse.toml:2" in done.stderr


def test_values_of_the_environment_are_checked(run):
    done = run("serve", "app", env={"WEB_CONCURRENCY": "many"}, files=APP)
    assert done.returncode == 2 and "WEB_CONCURRENCY" in done.stderr


def test_arguments_that_are_no_utf_8(run, tmp_path):
    done = subprocess.run(
        [os.fsencode(executable()), b"serve", b"app", b"--bind", b"\xff\xfe"],
        cwd=tmp_path, env=environment("cli"), capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and b"panicked" not in done.stderr
