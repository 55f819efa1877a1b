"""Fresh environments for tests that install something: slow ones, alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest


def run(
    command: Sequence[object], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command, without what this process was told of tests, of paths and of bytecode."""
    left_out = ("PYTEST_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def fresh(folder: Path) -> tuple[Path, Path]:
    """A fresh environment there, without pip: its interpreter, and the folder of its packages."""
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    python = folder / "bin" / "python"
    asked = run([python, "-c", "import site; print(site.getsitepackages()[0])"], folder)
    return python, Path(asked.stdout.strip())


def install(folder: Path, options: Sequence[object], what: Sequence[object]) -> None:
    """Install with pip; skip the test where no package index answers.

    Most of pip's time would go to the bytecode of modules that nobody imports.
    """
    words = ["install", "--quiet", "--no-compile", *what]
    done = run([sys.executable, "-m", "pip", *options, *words], folder)
    if "NewConnectionError" in done.stderr or "NameResolutionError" in done.stderr:
        pytest.skip("no package index answers")  # offline there is nothing to install from
    assert done.returncode == 0, done.stderr


def lend_all(site: Path) -> None:
    """What our own environment has, behind what is installed there."""
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
