from __future__ import annotations

import json

import pytest

from conv_reference.cli import main
from conv_reference.verification.commands import faults
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
        (["GROUPS"], "no planted fault or class is called 'GROUPS'; nearest: GROUP"),
        ([], "name a fault or a class, or ask for --all, --sound or --list"),
        (["short_index", "--workers", "0"], "workers must be at least 1, got 0"),
        (["short_index", "--seed", "-1"], "seed must be at least 0, got -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faults", *arguments]) == 2
    assert capsys.readouterr().err == f"conv-reference faults: error: {said}\n"


@pytest.mark.slow
def test_one_is_verified_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "group_zero_input", "--workers", "1"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("group_zero_input (GROUP: ")
    assert "found by forward in Y" in out
