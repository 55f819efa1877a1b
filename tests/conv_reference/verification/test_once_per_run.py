from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.once_per_run import once

REPORT = Report("a:b", {}, 1, Verdict.ROUNDED, 1, 1, (), ())


def refused() -> Report:
    raise AssertionError("it is there already")


def fails() -> Report:
    raise ValueError("no such target")


def dies() -> Report:
    os.kill(os.getpid(), signal.SIGKILL)
    return REPORT


def test_what_one_process_made_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "conv-float32.pickle"
    assert once(path, lambda: REPORT) == REPORT
    assert once(path, refused) == REPORT


def test_where_one_fails_the_next_tries(tmp_path: Path) -> None:
    path = tmp_path / "conv-float32.pickle"
    with pytest.raises(ValueError, match="no such target"):
        once(path, fails)
    assert once(path, lambda: REPORT) == REPORT


def test_a_process_that_dies_while_it_makes_the_report_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "conv-float32.pickle"
    worker = multiprocessing.get_context("spawn").Process(target=once, args=(path, dies))
    worker.start()
    worker.join()

    assert worker.exitcode == -signal.SIGKILL
    assert path.with_suffix(".lock").exists()  # the file is left, and nobody holds it
    assert once(path, lambda: REPORT) == REPORT


def test_of_several_at_once_one_makes_the_report_and_another_where_it_failed(
    tmp_path: Path,
) -> None:
    made: list[int] = []

    def make() -> Report:
        made.append(1)
        if len(made) == 1:
            raise TargetError("the first fails")
        return REPORT

    got: list[object] = []

    def worker() -> None:
        try:
            got.append(once(tmp_path / "conv.pickle", make))
        except TargetError as error:
            got.append(error)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(type(one).__name__) for one in got) == ["Report"] * 3 + ["TargetError"]
    assert len(made) == 2
