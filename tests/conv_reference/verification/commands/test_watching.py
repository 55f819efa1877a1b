from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from conv_reference.verification.commands.watching import watched


def arguments(target: str, *, in_process: bool = False) -> argparse.Namespace:
    return argparse.Namespace(target=target, in_process=in_process)


def test_it_runs_again_when_the_file_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("")
    statuses: list[Any] = [1, ValueError("half written"), 0]
    saves = iter([2, 3])

    def once(_: argparse.Namespace) -> int:
        status = statuses.pop(0)
        if isinstance(status, Exception):
            raise status
        assert isinstance(status, int)
        return status

    def pause(_: float) -> None:
        stamp = next(saves, None)
        if stamp is None:
            raise KeyboardInterrupt
        os.utime(file, (stamp, stamp))

    monkeypatch.setattr("time.sleep", pause)
    assert watched(arguments(f"{file}:f"), once) == 0
    assert not statuses
    said = capsys.readouterr().err
    assert said.count("waiting for") == 3
    assert "half written" in said


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file that could be watched"):
        watched(arguments("sys:path"), lambda _: 0)
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(ValueError, match="without --in-process"):
        watched(arguments(f"{tmp_path}/mine.py:f", in_process=True), lambda _: 0)
