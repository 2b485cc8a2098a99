"""Virtual environments with rickhouse and what its tests or examples need in them, kept as long as they are current."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterable

from .console import run, say
from .paths import CHECKOUT, checkout_cache
from .pythons import Python

#: Everything the extension module and the Python package are made of.
SOURCES = ("crates", "packaging", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml", ".cargo")


class Environment:
    """A virtual environment in `folder`, made with `python`."""

    def __init__(self, folder: Path, python: Python) -> None:
        self.folder = folder
        self.python = python
        self.interpreter = folder / "bin" / "python"

    def make(self) -> None:
        """Makes the environment, or makes it anew when it was made with another Python."""
        stamp = self.folder / ".made-with"
        made_with = f"{self.python.executable} {self.python.version} {self.python.root}"
        if _read(stamp) == made_with:
            return
        say(f"{self._shown()}: {self.python.describe()}")
        run(self.python.command(self.python.executable, "-m", "venv", "--clear", self.folder), quiet=True)
        stamp.write_text(made_with)

    def install_requirements(self, files: Iterable[Path]) -> None:
        """Installs requirement files, unless just these were installed before."""
        files = sorted(file for file in files if file.exists())
        digest = _digest(file.read_bytes() for file in files)
        stamp = self.folder / ".requirements"
        if not files or _read(stamp) == digest:
            return
        say(f"{self._shown()}: installing {', '.join(str(file.relative_to(CHECKOUT)) for file in files)}")
        arguments = [word for file in files for word in ("-r", file)]
        run(self._pip("install", "--disable-pip-version-check", *arguments), quiet=True)
        stamp.write_text(digest)

    def install_rickhouse(self, profile: str, env: dict[str, str] | None = None) -> None:
        """Builds rickhouse with a Cargo profile and installs it, as `pip install .` does, unless nothing changed."""
        digest = _digest([profile.encode(), *_fingerprints()])
        stamp = self.folder / ".rickhouse"
        if _read(stamp) == digest and (self.folder / "bin" / "rickhouse").exists():
            return
        say(f"{self._shown()}: building rickhouse for Python {self.python.name} (profile {profile})")
        stamp.unlink(missing_ok=True)
        run(
            self._pip("install", "--disable-pip-version-check", "--no-deps", "--force-reinstall", "."),
            env={**(env or {}), "MATURIN_PEP517_ARGS": f"--profile {profile}"},
        )
        stamp.write_text(digest)

    def _pip(self, *arguments: object) -> list[str]:
        return self.python.command(self.interpreter, "-m", "pip", *arguments)

    def _shown(self) -> str:
        inside = self.folder.is_relative_to(CHECKOUT)
        return str(self.folder.relative_to(CHECKOUT)) if inside else f"environment {self.folder.name}"


def of_checkout(python: Python) -> Environment:
    """`.venv`, which `make build` and `make serve` leave to the user."""
    return Environment(CHECKOUT / ".venv", python)


def of_tests(python: Python) -> Environment:
    """The environment in which the end-to-end tests run with this Python."""
    return Environment(checkout_cache() / python.name, python)


def example_requirements() -> list[Path]:
    return list((CHECKOUT / "examples").glob("*/requirements.txt"))


def _fingerprints() -> Iterable[bytes]:
    """Name, size and time of every source file: enough to notice an edit, and quick."""
    for source in SOURCES:
        place = CHECKOUT / source
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and "__pycache__" not in file.parts:
                facts = file.stat()
                yield f"{file} {facts.st_size} {facts.st_mtime_ns}".encode()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part + b"\n")
    return digest.hexdigest()


def _read(stamp: Path) -> str | None:
    try:
        return stamp.read_text()
    except FileNotFoundError:
        return None
