"""What `rickhouse module-config` and `install-module` print makes httpd load the module."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import httpd_install as install
from harness.server import environment

COMMAND = Path(sys.prefix) / "bin" / "rickhouse"

pytestmark = pytest.mark.oracle_skip("the commands are rickhouse's")


def printed(*arguments):
    return subprocess.run(
        [COMMAND, *arguments], env=environment("installation"), check=True, capture_output=True, text=True, timeout=60
    ).stdout


def syntax(folder, lines):
    """What `httpd -t` says of the lines in a configuration that loads nothing else but an MPM."""
    configuration = folder / "httpd.conf"
    mpm = install.httpd().modules / "mod_mpm_event.so"
    configuration.write_text(
        f'ServerRoot "{folder}"\nDefaultRuntimeDir "{folder}"\nServerName localhost\nListen 127.0.0.1:9\n'
        f'ErrorLog "{folder}/error.log"\n'
        f'LoadModule mpm_event_module "{mpm}"\n{lines}'
        "<IfModule !mod_wsgi.c>\nThe module is not there\n</IfModule>\n"
    )
    done = subprocess.run(
        [install.httpd().binary, "-t", "-f", configuration],
        env=install.httpd().environment(environment("installation")), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_httpd_takes_the_lines_that_load_it_from_the_environment(tmp_path):
    assert "Syntax OK" in syntax(tmp_path, printed("module-config"))


def test_httpd_takes_the_lines_that_load_the_copy(tmp_path):
    modules = tmp_path / 'mod"ules'
    modules.mkdir()
    lines = printed("install-module", "--modules-directory", str(modules))
    assert "Syntax OK" in syntax(tmp_path, lines)
