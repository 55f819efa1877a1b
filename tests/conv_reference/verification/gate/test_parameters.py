"""The gate judges as the baseline was judged: what it was asked for is recorded, and held to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_reports import FAULTY, RIGHT

from conv_reference.cli import main
from conv_reference.verification.gate import command as gate_command
from conv_reference.verification.gate.baseline import baseline_of, read, write
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.known import known
from conv_reference.verification.model.result import Report

TARGET = RIGHT.target
MADE = Parameters(
    dtypes=("float32", "float64"),
    budget=5.0,
    sweep="small",
    checks=("certificate",),
    require="exact",
    allowed_bits=10,
    known="none",
    strict=True,
    quick=True,
)
SAME = "--dtype float64 --dtype float32 --device cpu --budget 5 --sweep small --check certificate"
SAME += " --require exact --allow-bits 10 --known none --strict --quick"

Gate = Callable[..., int]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What ``verify`` is asked for, in place of a run."""
    runs: list[dict[str, Any]] = []

    def verify(_: str, **options: Any) -> Report:
        runs.append(options)
        return replace(RIGHT, seed=options["seed"] or 7)

    monkeypatch.setattr(gate_command, "verify", verify)
    monkeypatch.chdir(tmp_path)
    Path("my_kernels.py").write_text("def conv2d(): ...\n")
    return runs


def gate(*words: str) -> int:
    return main(["verify", TARGET, "--baseline", "b.json", *words])


def test_what_the_baseline_was_asked_for_is_recorded(asked: list[dict[str, Any]]) -> None:
    assert gate("--update-baseline", *SAME.split()) == 0

    recorded = read(Path("b.json")).parameters
    assert recorded == MADE.but(dtypes=("float64", "float32"))


def test_a_baseline_that_is_written_says_so_and_what_fails_in_it(
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gate("--update-baseline", "--format", "json") == 0
    printed = capsys.readouterr()
    assert "\nb.json: written, 10 rows\n" in printed.err
    assert printed.out.startswith("{")  # the report alone

    monkeypatch.setattr(gate_command, "verify", lambda *_, **__: FAULTY)
    assert main(["verify", TARGET, "--baseline", "c.json", "--update-baseline"]) == 1
    assert re.search(
        r"\nc\.json: written, \d+ rows, \d+ of them failing\n", capsys.readouterr().err
    )


@pytest.mark.parametrize("words", ["", SAME], ids=["nothing said", "the same said"])
def test_the_gate_asks_for_the_same_again(asked: list[dict[str, Any]], words: str) -> None:
    write(Path("b.json"), baseline_of(RIGHT, MADE))

    assert gate(*words.split()) == 0
    assert len(asked) == 2  # the baseline's cases, and fresh ones
    for options in asked:
        assert options["allowed_bits"] == 10
        assert options["known"] is None
        assert options["strict"]
        assert (options["budget"], options["sweep"], options["require"]) == (5, "small", "exact")


def test_a_registry_of_ones_own_is_used_again(asked: list[dict[str, Any]]) -> None:
    Path("mine.toml").touch()
    write(Path("b.json"), baseline_of(RIGHT, MADE.but(known="mine.toml")))

    assert gate() == 0
    assert {options["known"] for options in asked} == {"mine.toml"}


def test_by_default_the_shipped_registry_is_used(asked: list[dict[str, Any]]) -> None:
    assert gate("--update-baseline") == 0
    assert read(Path("b.json")).parameters["known"] == "shipped"
    assert gate("--known", "shipped") == 0
    assert {options["known"] for options in asked} == {known.SHIPPED}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--allow-bits 8", "--allow-bits 8: the baseline b.json was made with 10"),
        ("--known mine.toml", "--known mine.toml: the baseline b.json was made with none"),
        ("--known shipped", "--known shipped: the baseline b.json was made with none"),
        ("--require rounded", "--require rounded: the baseline b.json was made with exact"),
        ("--check jvp", "--check jvp: the baseline b.json was made with certificate"),
        ("--sweep random", "--sweep random: the baseline b.json was made with small"),
        ("--budget 60", "--budget 60.0: the baseline b.json was made with 5.0"),
        ("--dtype float32", "--dtype float32: the baseline b.json was made with float32, float64"),
        ("--device meta", "--device meta: the baseline b.json was made with cpu"),
        ("--require-modes", "--require-modes goes without --baseline"),
    ],
)
def test_what_differs_is_refused_in_one_line_and_nothing_is_run(
    asked: list[dict[str, Any]], words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("b.json"), baseline_of(RIGHT, MADE))

    assert gate(*words.split(), "--update-baseline") == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert asked == []


def test_precision_that_is_newly_allowed_is_refused_with_what_was_recorded(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("b.json"), baseline_of(RIGHT, MADE.but(allowed_bits=None)))

    assert gate("--allow-bits", "10") == 2
    assert "was made with the dtype's" in capsys.readouterr().err


def test_a_registry_that_is_not_here_is_named(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("b.json"), baseline_of(RIGHT, MADE.but(known="mine.toml")))

    assert gate() == 2
    assert "made with --known mine.toml: there is no such file here" in capsys.readouterr().err
