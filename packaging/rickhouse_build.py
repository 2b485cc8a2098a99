"""The build backend (PEP 517, PEP 660): maturin's, and then `mod_wsgi.so` beside the extension module.

maturin builds one library for each wheel. The module for Apache httpd is a second one, which unlike the first is linked
to libpython. Both come out of the same target folder: this module tells Cargo what maturin tells it, so that what they
have in common is compiled once.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shlex
import shutil
import stat
import struct
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import maturin

ROOT = Path(__file__).resolve().parents[1]
CRATE = "mod_wsgi"
#: Where the library goes: `rickhouse module-location` looks beside the package's own files.
NAME = "rickhouse/mod_wsgi.so"

build_sdist = maturin.build_sdist
get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable
prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """maturin's wheel with the module added, where this Python has a library to link it with."""
    wheel = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    if (folder := libpython_folder()) is not None:
        add_to_wheel(Path(wheel_directory, wheel), NAME, build_module(folder))
    return wheel


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The same for an installation that leads to the checkout: the module goes where maturin puts the extension."""
    wheel = maturin.build_editable(wheel_directory, config_settings, metadata_directory)
    if (folder := libpython_folder()) is not None:
        # In one rename: a running httpd may have the file mapped.
        place = ROOT / "python" / NAME
        shutil.copy2(build_module(folder), place.with_suffix(".new"))
        place.with_suffix(".new").replace(place)
    return wheel


def libpython_folder() -> str | None:
    """Where this Python's shared libpython is. Says so if it is nowhere: the wheel is then only half of the product."""
    var = sysconfig.get_config_var
    folders = dict.fromkeys([os.path.join(var("LIBDIR"), var("MULTIARCH") or "").rstrip("/"), var("LIBDIR")])
    for folder in folders if var("Py_ENABLE_SHARED") else ():
        if os.path.exists(os.path.join(folder, var("LDLIBRARY"))):
            return folder
    print(
        f"rickhouse: mod_wsgi.so is not built, the server is: {sys.executable} has no shared libpython to link with"
        f" ({'no ' + var('LDLIBRARY') + ' in ' + ' or '.join(folders) if var('Py_ENABLE_SHARED') else 'a static build'})",
        file=sys.stderr,
    )
    return None


def build_module(libpython: str) -> Path:
    """Runs Cargo for the httpd module; its messages go to stderr. Returns the library."""
    command = ["cargo", "rustc", "--locked", "--package", CRATE, "--lib", "--crate-type", "cdylib",
               "--profile", profile(), "--message-format", "json-render-diagnostics", "--", *link_arguments(libpython)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment()}, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"rickhouse: {shlex.join(command)} ended with {done.returncode}")
    return library(done.stdout)


def link_arguments(libpython: str) -> list[str]:
    """httpd knows no Python: the module names its library, and where that lies, since the loader may not look there.

    pyo3-ffi would say the first, but for all that is built with it; as it is told that this is an extension module, the
    extension can share what is compiled here.
    """
    name = sysconfig.get_config_var("LDLIBRARY").removeprefix("lib").removesuffix(".so")
    arguments = [f"-L{libpython}", f"-l{name}", f"-Wl,-rpath,{libpython}"]
    return [word for argument in arguments for word in ("-C", f"link-arg={argument}")]


def environment() -> dict[str, str]:
    """What maturin sets for Cargo. With other values all that depends on Python would be compiled a second time."""
    version = sys.version_info
    bits = struct.calcsize("P") * 8
    return {
        "PYO3_PYTHON": sys.executable,
        "PYTHON_SYS_EXECUTABLE": sys.executable,
        "PYO3_ENVIRONMENT_SIGNATURE": f"{sys.implementation.name}-{version.major}.{version.minor}-{bits}bit",
        "PYO3_BUILD_EXTENSION_MODULE": "1",
    }


def profile() -> str:
    """The Cargo profile that maturin was told to use in this build."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default="release")
    return parser.parse_known_args(shlex.split(os.environ.get("MATURIN_PEP517_ARGS", "")))[0].profile


def library(messages: str) -> Path:
    """The shared library of the crate, from Cargo's messages: one JSON object on each line."""
    for line in messages.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == CRATE:
            for file in map(Path, message["filenames"]):
                if file.suffix == ".so":
                    return file
    raise SystemExit(f"rickhouse: Cargo made no shared library of {CRATE}")


def add_to_wheel(wheel: Path, name: str, file: Path) -> None:
    """Adds a file to a finished wheel and to its RECORD, which cannot be changed in place."""
    content = file.read_bytes()
    finished = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(finished, "w", zipfile.ZIP_DEFLATED) as new:
        record = next(info for info in old.infolist() if info.filename.endswith(".dist-info/RECORD"))
        for info in old.infolist():
            if info is not record:
                new.writestr(info, old.read(info))
        added = zipfile.ZipInfo(name, record.date_time)
        added.external_attr = (stat.S_IFREG | 0o755) << 16
        added.compress_type = zipfile.ZIP_DEFLATED
        new.writestr(added, content)
        new.writestr(record, old.read(record).rstrip(b"\n") + b"\n" + record_line(name, content) + b"\n")
    finished.replace(wheel)


def record_line(name: str, content: bytes) -> bytes:
    """A line of RECORD: path, digest, size."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}".encode()
