from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conv_reference.cli import main
from conv_reference.verification.commands import faults
from conv_reference.verification.detection import fault_processes
from conv_reference.verification.detection.measured import Outcome, nothing_of
from conv_reference.verification.faults.collection import FAULTS, OPERATORS, planted_in


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_list_has_all_of_an_operator(operator: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = [] if operator == "conv2d" else ["--operator", operator]
    assert main(["faults", "--list", *named, "--format", "json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == [each.name for each in planted_in(operator)]
    assert {each["operator"] for each in listed} == {operator}
    assert listed[0]["target"] == FAULTS[listed[0]["name"]].target


def test_the_command_offers_each_operator_in_which_something_is_planted() -> None:
    assert faults.OPERATORS == OPERATORS


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_class_is_listed_in_lines(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "--list", "ORDER", "--format", form]) == 0

    out = capsys.readouterr().out
    assert "channels_exchanged" in out.splitlines()[-1]
    assert out.count("\n") == {"text": 1, "markdown": 3}[form]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["GROUPS"], "no planted fault or class is called 'GROUPS'; did you mean GROUP?"),
        ([], "name a fault or a class, or ask for --all, --sound or --list"),
        (["short_index", "--workers", "0"], "workers must be at least 1, got 0"),
        (["short_index", "--seed", "-1"], "seed must be at least 0, got -1"),
        (["short_index", "--output", "nowhere/a"], "--output: no folder 'nowhere'"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faults", *arguments]) == 2
    assert capsys.readouterr().err == f"conv-reference faults: error: {said}\n"


def test_a_file_has_all_that_was_measured_before_the_run_was_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def one_answer(_: object, items: list[tuple[str, int]], *__: object) -> Iterator[Outcome]:
        yield nothing_of(FAULTS[items[1][0]], seed=1)
        raise KeyboardInterrupt

    monkeypatch.setattr(fault_processes, "each_apart", one_answer)
    file = tmp_path / "faults.json"
    options = ["--format", "json", "--output", str(file)]
    with suppress(KeyboardInterrupt):
        main(["faults", "channels_exchanged", "six_channels", *options])

    kept = json.loads(file.read_text("utf-8"))
    named = [name for name in FAULTS if name in {"channels_exchanged", "six_channels"}]
    assert [each["name"] for each in kept["faults"]] == named[1:]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2 convolutions are planned" in shown.err


@pytest.mark.slow
def test_one_is_verified_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "group_zero_input", "--workers", "1"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("group_zero_input (GROUP: ")
    assert "found by forward in Y" in out


@pytest.mark.slow
def test_what_describes_no_convolution_is_named_by_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["faults", "accepts_no_dilation", "--workers", "1"]) == 0

    out = capsys.readouterr().out
    assert "found by refusals in Y" in out
    assert "guard named: yes" in out
