"""A new report format is one file."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import conv_reference
from conv_reference.verification import report
from conv_reference.verification.report import FormatError, format_of, formats, renderer

CSV = """\
SUFFIXES = (".csv", ".tsv")


def render(report):
    rows = [f"{check.name},{check.dtype},{check.verdict}" for check in report.checks]
    return "\\n".join([*rows, *(f"finding,{f.check},{f.verdict}" for f in report.findings)]) + "\\n"
"""
TRIAL = """
import sys
from conv_reference.cli import main
main(["verify", "torch.nn.functional:conv2d", *sys.argv[1:]])
"""


@pytest.mark.parametrize("form", formats())
def test_every_format_is_found_with_the_end_of_its_files_names(form: str) -> None:
    module = importlib.import_module(f"{report.__name__}.{form}")
    for suffix in getattr(module, "SUFFIXES", (f".{form}",)):
        assert format_of(f"out/report{suffix.upper()}") == form


def test_a_name_that_asks_for_none_has_none() -> None:
    assert [format_of(name) for name in ("report", "report.", "html", "a.html/b")] == [None] * 4


def test_what_is_no_format_is_refused() -> None:
    accepted = ", ".join(formats())
    with pytest.raises(FormatError, match=f"format must be one of {accepted}, got 'groups'"):
        renderer("groups")


@pytest.mark.slow
def test_a_file_that_is_dropped_in_is_a_format_of_command_and_gate(tmp_path: Path) -> None:
    """In a copy, for what is installed stays as it is."""
    copied = tmp_path / "conv_reference"
    shutil.copytree(Path(conv_reference.__file__).parent, copied)
    (copied / "verification" / "report" / "sheet.py").write_text(CSV, encoding="utf-8")
    words = ["--check", "shapes", "--dtype", "float32", "--cases", "5", "--seed", "1"]
    words += ["--in-process", "--output", "a.csv", "--baseline", "held.json"]

    def run(*more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", TRIAL, *words, *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    run("--update-baseline")
    assert "shapes,float32,exact\n" in (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").unlink()
    assert ": green: " in run("--seed", "2")
    assert "shapes,float32,exact\n" in (tmp_path / "a.csv").read_text()
