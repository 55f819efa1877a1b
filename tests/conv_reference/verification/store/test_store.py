"""A store: an interrupted run is resumed, and the next one goes on where coverage is thin."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from conv_reference.cli import main
from conv_reference.verification import Report, options, verify
from conv_reference.verification.plan.bulk import small_cases
from conv_reference.verification.plan.ever import NEVER, Ever, cell_of
from conv_reference.verification.report.json import render
from conv_reference.verification.store.version import version_of
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

CONV2D = "torch.nn.functional:conv2d"
CASES = 40


def run(store: Path, **more: Any) -> Report:
    """A small one, in this process; in float64, of which torch's known defects repeat."""
    asked = {"cases": CASES, "sweep": "small", "dtypes": "float64", **more}
    return verify(CONV2D, store=store, **asked)


def plain(report: Report) -> dict[str, Any]:
    """All of a report but the time."""
    found: dict[str, Any] = json.loads(render(report))
    del found["seconds"]
    return found


def rows(store: Path, query: str) -> list[Any]:
    """What is in the file."""
    connection = sqlite3.connect(store)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


class _Ends(BaseException):
    """As a process that is gone: nothing of ours catches it."""


def test_a_run_that_was_cut_off_is_resumed_and_reports_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    whole, cut, asked = tmp_path / "whole", tmp_path / "cut", list[int]()

    def ends(done: int, _: int) -> None:
        if done == 25:
            raise _Ends

    with pytest.raises(_Ends):
        run(cut, seed=1, progress=ends)
    there = rows(cut, "SELECT count(*) FROM result")[0][0]
    resumed = run(cut, seed=1, progress=lambda done, _: asked.append(done))

    assert there in {24, 25}
    assert plain(resumed) == plain(run(whole, seed=1))
    assert asked[-1] == resumed.judged  # of them, so many were there
    assert rows(cut, "SELECT count(*), sum(ended) FROM run") == [(1, 1)]
    assert rows(cut, "SELECT count(*) FROM result") == [(0,)]


def test_the_seed_of_a_run_that_was_cut_off_is_drawn_once(tmp_path: Path) -> None:
    store = tmp_path / "store"

    def ends(*_: int) -> None:
        raise _Ends

    for _ in range(2):
        with pytest.raises(_Ends):
            run(store, progress=ends)

    assert len(rows(store, "SELECT seed FROM run")) == 1
    assert run(store).seed == rows(store, "SELECT seed FROM run")[0][0]


def test_a_run_that_was_cut_off_is_resumed_under_the_same_options_alone(tmp_path: Path) -> None:
    """Of a refusal on purpose one verdict stands with ``strict``, and another without."""
    source, store = tmp_path / "refusing_conv.py", tmp_path / "store"
    source.write_text(
        "from torch.nn.functional import conv2d as right\n"
        "def conv2d(input, weight):\n"
        "    if weight.shape[2] == 2:\n"
        "        raise ValueError('kernels of two rows are not supported')\n"
        "    return right(input, weight)\n"
    )

    def ends(done: int, _: int) -> None:
        if done == 15:
            raise _Ends

    asked: dict[str, Any] = {"cases": 20, "sweep": "small", "dtypes": "float32", "seed": 1}
    with pytest.raises(_Ends):
        verify(f"{source}:conv2d", store=store, **asked, progress=ends)
    cut = verify(f"{source}:conv2d", store=store, **asked, strict=True)

    assert not cut.passed
    assert not any(check.unsupported for check in cut.checks)


def test_every_option_that_a_baseline_holds_distinguishes_the_runs_of_a_store(
    tmp_path: Path,
) -> None:
    def ends(*_: int) -> None:
        raise _Ends

    with pytest.raises(_Ends):
        run(tmp_path / "store", progress=ends)

    ((request,),) = rows(tmp_path / "store", "SELECT request FROM run")
    # What is skipped is left out of the checks; the version of the target is that of how it is
    # called, and of the device; what passes is decided after all is judged.
    elsewhere = {"skip", "convention", "device", "require"}
    assert {o.keyword for o in options.RECORDED} - elsewhere <= {*json.loads(request)}


@pytest.mark.slow
def test_the_next_run_goes_on_and_says_how_much_was_ever_judged(tmp_path: Path) -> None:
    store = tmp_path / "store"

    reports = [run(store, sweep="default", checks="certificate") for _ in range(2)]

    assert reports[0].seed != reports[1].seed
    said = [str(note) for report in reports for note in report.notes if note.kind == "ever"]
    numbers = [[int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", text)] for text in said]
    assert "in 1 run of the store" in said[0]
    assert "in 2 runs of the store" in said[1]
    assert numbers[1][1] > numbers[0][1]  # geometries
    assert numbers[1][-2] > numbers[0][-2]  # triples
    judged = rows(store, "SELECT count(*) FROM judged")[0][0]
    assert judged > 1.9 * reports[0].judged


def test_another_version_of_the_target_starts_anew(tmp_path: Path) -> None:
    store, source = tmp_path / "store", tmp_path / "own_conv.py"
    said = []
    for text in ("pass", "pass", "x = 1"):
        source.write_text(f"from torch.nn.functional import conv2d\n{text}\n")
        report = verify(f"{source}:conv2d", store=store, cases=8, sweep="small", dtypes="float32")
        said += [str(note) for note in report.notes if note.kind == "ever"]

    assert ["in 1 run" in text for text in said] == [True, False, True]


def test_what_failed_is_tried_first_the_next_time(tmp_path: Path) -> None:
    source, store = tmp_path / "wrong_conv.py", tmp_path / "store"
    source.write_text(
        "from torch.nn.functional import conv2d as right\n"
        "def conv2d(input, weight):\n"
        "    return right(input, weight) + (weight.shape[2] == 2)\n"
    )

    def verified() -> Report:
        return verify(
            f"{source}:conv2d",
            store=store,
            cases=30,
            sweep="small",
            dtypes="float32",
            progress=lambda *_: None,
        )

    failing = {finding.case for finding in verified().findings}
    before = {item for (item,) in rows(store, "SELECT item FROM judged WHERE failed")}
    again = verified()
    after = {item for (item,) in rows(store, "SELECT item FROM judged")}

    assert failing
    assert before
    assert again.judged > 30
    assert before <= after


def test_the_enumeration_goes_on_behind_what_was_certified() -> None:
    target = as_target(torch.nn.functional.conv2d)

    def enumerated(ever: Ever) -> set[str]:
        cases = small_cases(target, (torch.float32,), 0, 40, enumerated=40, ever=ever)
        return {str(case.geometry) for case in cases}

    before = enumerated(NEVER)
    after = enumerated(Ever(40, certified=frozenset((text, "float32") for text in before)))

    assert len(before) == len(after) == 40
    assert not before & after


def test_of_what_is_drawn_that_is_taken_whose_like_was_judged_the_least() -> None:
    target = as_target(torch.nn.functional.conv2d)

    def drawn(ever: Ever) -> Counter[str]:
        cases = small_cases(target, (torch.float32,), 0, 60, enumerated=0, ever=ever)
        return Counter(map(cell_of, cases))

    met = drawn(NEVER)
    many = Ever(1, cells=dict.fromkeys(met, 50))

    assert sum(drawn(many)[cell] for cell in met) < 0.8 * sum(met.values())


def test_the_version_is_that_of_source_and_environment(tmp_path: Path) -> None:
    source = tmp_path / "conv.py"
    source.write_text("1")
    one = version_of(f"{source}:f", {"torch": "2"})

    assert version_of(f"{source}:f", {"torch": "2"}) == one
    assert version_of(f"{source}:f", {"torch": "3"}) != one
    source.write_text("2")
    assert version_of(f"{source}:f", {"torch": "2"}) != one


def test_two_runs_do_not_write_to_one_store(tmp_path: Path) -> None:
    with FileLock(f"{tmp_path}/store.lock"), pytest.raises(ValueError, match="another run writes"):
        run(tmp_path / "store")


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a text of some length, which is no database" * 50)

    with pytest.raises(ValueError, match="is no store"):
        run(tmp_path / "store")


@pytest.mark.slow
def test_a_command_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    # Some seconds of cases: it has to be killed before it ends, and writes each half a second.
    words = ["verify", CONV2D, "--cases", "1500", "--seed"]
    words += ["7", "--dtype", "float64", "--quiet", "--check", "certificate", "--workers", "1"]

    def command(name: str) -> list[str]:
        return [*words, "--store", f"{tmp_path}/{name}", "--output", f"{tmp_path}/{name}.json"]

    def there() -> int:
        try:
            return int(rows(tmp_path / "cut", "SELECT count(*) FROM result")[0][0])
        except sqlite3.Error:
            return 0

    for least in (1, 60):
        process = subprocess.Popen([sys.executable, "-m", "conv_reference", *command("cut")])
        end = time.monotonic() + 60
        while there() < least and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert there() >= least
    for name in ("cut", "whole"):
        assert main(command(name)) == 0

    cut, whole = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("cut", "whole"))
    for report in (cut, whole):
        del report["seconds"]
    assert cut == whole
