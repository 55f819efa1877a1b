"""What a terminal, a pipe and an encoding without our signs are shown."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conv_reference.cli import main
from conv_reference.verification.console.screen import has_no_reader

CASE = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"
FLIPPED = """
from torch.nn.functional import conv2d
def convolve(input, weight):
    return conv2d(input, weight.flip(2, 3))
"""
ARGUMENTS = ["verify", "mine.py:convolve", "--case", CASE, "--in-process"]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(FLIPPED)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: bytes
    stderr: bytes


def on_a_terminal(environment: dict[str, str]) -> str:
    """What a terminal of 100 columns is sent; in this process, for torch takes seconds."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reading = threading.Thread(target=lambda: shown.extend(_read(ours)))
    reading.start()
    with (
        pytest.MonkeyPatch.context() as patch,
        os.fdopen(theirs, "w", encoding="utf-8") as terminal,
    ):
        for name, value in ({"COLUMNS": "100"} | environment).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(io.StringIO()):
            main([*ARGUMENTS, "--seed", "0"])
    reading.join()
    os.close(ours)
    return b"".join(shown).decode().replace("\r\n", "\n")


def _read(descriptor: int) -> Iterator[bytes]:
    """All that is written at the other end of a terminal, until that is closed."""
    with contextlib.suppress(OSError):
        while read := os.read(descriptor, 65_536):
            yield read


def piped(*more: str, encoding: str = "utf-8") -> Done:
    """What a command writes into pipes of an encoding; in this process, for torch takes seconds."""
    pipes = io.BytesIO(), io.BytesIO()
    out, errors = (io.TextIOWrapper(pipe, encoding=encoding, write_through=True) for pipe in pipes)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main([*ARGUMENTS, *more])
    return Done(status, *(pipe.getvalue() for pipe in pipes))


def test_a_terminal_has_colours_and_a_pipe_the_same_words_without() -> None:
    coloured = on_a_terminal({})
    plain = piped("--seed", "0").stdout.decode()

    assert "\x1b[1;31mWRONG" in coloured
    took = re.compile(r"seed 0, \d+\.\d s")
    assert took.sub("", ESCAPE.sub("", coloured)) == took.sub("", plain)
    assert "\x1b" not in plain


@pytest.mark.parametrize(
    "environment",
    [{"NO_COLOR": "1"}, pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow)],
    ids=str,
)
def test_who_wants_no_colours_has_none(environment: dict[str, str]) -> None:
    assert "\x1b" not in on_a_terminal(environment)


def test_an_encoding_without_our_signs_loses_no_report() -> None:
    done = piped(encoding="ascii")

    assert done.returncode == 1
    shown = done.stdout.decode("ascii")
    assert "is        K[0,0]*X[0,1] + K[0,1]*X[0,0]" in shown
    assert shown.endswith(
        "mine.py:convolve: wrong (1 finding), in float32, on 1 case; exit status 1\n"
    )


@pytest.mark.parametrize("form", ["json", "junit", "html", "markdown"])
def test_what_machines_read_is_utf_8_whatever_the_encoding(form: str) -> None:
    done = piped("--format", form, encoding="ascii")

    assert done.returncode == 1
    assert "·" in done.stdout.decode("utf-8") or "&#183;" in done.stdout.decode("utf-8")
    if form == "json":
        assert "K[0,0]·X[0,1]" in json.loads(done.stdout)["findings"][0]["explanation"]
    assert done.stderr.decode("ascii").endswith(
        "wrong (1 finding), in float32, on 1 case; exit status 1\n"
    )


def test_reports_go_to_files_in_the_format_of_their_names_and_the_verdict_to_the_screen() -> None:
    done = piped("--output", "a.json", "--output", "a.html", "--output", "a.xml", "--output", "a")

    assert (
        done.stdout.decode()
        == "mine.py:convolve: wrong (1 finding), in float32, on 1 case; exit status 1\n"
    )
    assert json.loads(Path("a.json").read_text())["verdict"] == "wrong"
    assert Path("a.html").read_text().startswith("<!DOCTYPE html>")
    assert Path("a.xml").read_text().startswith("<?xml version='1.0' encoding='utf-8'?>")
    assert Path("a").read_text().startswith("mine.py:convolve: wrong (1 finding), on 1 case\n")


def test_a_format_that_is_named_is_that_of_the_file() -> None:
    piped("--output", "a.txt", "--format", "json")
    assert json.loads(Path("a.txt").read_text())["verdict"] == "wrong"


def test_quiet_is_the_verdict_alone() -> None:
    done = piped("--quiet")
    assert (
        done.stdout.decode()
        == "mine.py:convolve: wrong (1 finding), in float32, on 1 case; exit status 1\n"
    )
    assert done.stderr == b""


class Gone(io.StringIO):
    """A stream whose reader has had enough."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("errors", [None, Gone()], ids=["closed", "its reader is gone"])
def test_nobody_need_read_standard_error(
    errors: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", errors)
    assert main(ARGUMENTS) == 1
    sys.stderr.close()
    assert capsys.readouterr().out.endswith("; exit status 1\n")


def test_whether_anybody_reads_standard_output_is_the_systems_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert not has_no_reader()
        os.close(reader)
        assert has_no_reader()


def test_the_first_line_says_what_is_judged_and_with_which_seed() -> None:
    first, *_ = piped("--seed", "3").stderr.decode().splitlines()  # then one each ten seconds
    assert re.fullmatch(r"conv-reference \S+: mine\.py:convolve, one case; seed 3", first)
