from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from conv_reference.verification.commands.watching import Once, watched
from conv_reference.verification.model.errors import TargetError


def arguments(target: str, *, in_process: bool = False) -> argparse.Namespace:
    return argparse.Namespace(target=target, in_process=in_process)


Saves = list[Callable[[], object]]


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> Saves:
    """What is done between runs, one after another; then the user interrupts."""
    left: Saves = []

    def pause(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr("time.sleep", pause)
    return left


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "mine.py"
    found.write_text("")
    return found


def answering(*statuses: int | Exception) -> Once:
    """Runs that end so, one after another."""
    left = list(statuses)

    def once(_: argparse.Namespace, *, again: bool) -> int:
        status = left.pop(0)
        if isinstance(status, Exception):
            raise status
        return status

    return once


def test_it_runs_again_when_a_file_is_saved(
    file: Path, saves: Saves, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = file.with_name("kernel.cu")
    away = file.with_name("other.py")

    def by_rename() -> None:
        away.write_text("another")
        away.replace(file)

    saves += [
        lambda: os.utime(file, (2, 2)),
        lambda: kernel.write_text("compiled by it"),
        lambda: file.with_name("notes.txt").write_text("no part of it"),
        file.unlink,  # an editor has it away for a moment
        by_rename,
    ]
    idle: list[str] = []
    once = answering(1, ValueError("half written"), 1, 0)
    assert watched(arguments(f"{file}:f"), once, lambda: idle.append("")) == 0
    said = capsys.readouterr().err
    assert said.count("waiting for") == len(idle) == 4
    assert "half written" in said


def test_the_first_run_is_another_than_those_after_it(file: Path, saves: Saves) -> None:
    heard: list[bool] = []

    def once(_: argparse.Namespace, *, again: bool) -> int:
        heard.append(again)
        return 0

    saves += [lambda: os.utime(file, (2, 2))]
    watched(arguments(f"{file}:f"), once)
    assert heard == [False, True]


def test_what_cannot_be_imported_is_waited_for_and_what_is_asked_wrongly_is_not(
    file: Path, saves: Saves
) -> None:
    saves += [lambda: os.utime(file, (2, 2))]
    assert watched(arguments(f"{file}:f"), answering(TargetError("no such f"), 0)) == 0
    with pytest.raises(ValueError, match="no such option"):
        watched(arguments(f"{file}:f"), answering(ValueError("no such option")))


def test_an_interrupted_run_is_the_last(file: Path) -> None:
    assert watched(arguments(f"{file}:f"), answering(130)) == 130


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there a run comes to its end")
def test_a_run_is_given_up_when_the_file_is_saved_meanwhile(
    file: Path, saves: Saves, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[str] = []

    def once(_: argparse.Namespace, *, again: bool) -> int:
        begun.append(file.read_text())
        if len(begun) == 1:
            try:
                file.write_text("new")
                Event().wait(60)
            except Exception:  # it is no failure
                begun.append("taken")
        return 3

    handler = signal.getsignal(signal.SIGALRM)
    assert watched(arguments(f"{file}:f"), once) == 3
    assert begun == ["", "new"]
    assert "mine.py was saved: begun anew" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not saves


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file that could be watched"):
        watched(arguments("sys:path"), lambda _, again: 0)
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(ValueError, match="without --in-process"):
        watched(arguments(f"{tmp_path}/mine.py:f", in_process=True), lambda _, again: 0)
