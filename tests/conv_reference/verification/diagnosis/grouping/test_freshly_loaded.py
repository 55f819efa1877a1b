"""A failure after other calls names those that it takes, each tried where no other came before."""

from __future__ import annotations

from pathlib import Path

import pytest

from conv_reference.verification.checks.calls_before import BEFORE, ORDINARY
from conv_reference.verification.diagnosis.grouping.freshly_loaded import shown_at_once
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.target.loading import load, load_anew, load_target

SETTINGS = Settings(seed=1, device="cpu")
CASE = Case.parse("calls_before float64 n2 h3 w4 k2 nobias grad=")
SOURCE = """
import torch
from torch.nn.functional import conv2d as convolved
{state}

def conv2d(input, weight):
    {before}
    return convolved(input, weight) + ({wrong})
"""
BY_FLAG = {
    "state": "float32 = []",
    "before": "float32.append(1) if input.dtype == torch.float32 else None",
    "wrong": "bool(float32)",
}
BY_COUNT = {"state": "calls = []", "before": "calls.append(1)", "wrong": "len(calls) > 6"}
BY_KERNEL = {
    "state": "kept = {}",
    "before": "weight = kept.setdefault((weight.shape, input.shape, weight.dtype), weight)",
    "wrong": "0",
}
BY_IDENTITY = {
    "state": "kept = {}",
    "before": "weight = kept.setdefault((id(weight), input.shape), (weight, weight.clone()))[1]",
    "wrong": "0",
}


def shown(state: dict[str, str], folder: Path) -> tuple[Judgement, ...]:
    file = folder / "keeps.py"
    file.write_text(SOURCE.format(**state))
    return shown_at_once(load_target(f"{file}:conv2d"), (CASE, "calls_before"), SETTINGS)


def test_a_call_is_not_named_for_what_another_has_left(tmp_path: Path) -> None:
    judged = shown(BY_FLAG, tmp_path)
    assert {judgement.before for judgement in judged} == {"after a pass in another dtype"}
    everything = judge_case(load_target(f"{tmp_path}/keeps.py:conv2d"), CASE, SETTINGS)
    wrong = {judgement.before for judgement in everything if judgement.verdict in FOUND}
    assert len(wrong) > 1  # as the check itself meets them, one after another


@pytest.mark.parametrize(
    ("state", "kinds"), [(BY_KERNEL, [*ORDINARY][0::2]), (BY_IDENTITY, [*ORDINARY][1:2])]
)
def test_an_ordinary_call_is_named_before_all_others(
    state: dict[str, str], kinds: list[str], tmp_path: Path
) -> None:
    judged = shown(state, tmp_path)
    assert [judgement.before for judgement in judged][: len(kinds)] == kinds
    assert judged[0].explanation.startswith(f"{kinds[0]}: ")


def test_where_none_shows_it_alone_the_fewest_that_do_are_named(tmp_path: Path) -> None:
    judged = shown(BY_COUNT, tmp_path)
    ((said,),) = {judgement.beneath for judgement in judged}
    named = [kind for kind in BEFORE["calls_before"] if kind in said]
    # Two calls of each kind: of three none is wrong, of four the last two.
    assert said == f"It takes calls of several kinds, in turn: {'; '.join(named)}."
    assert len(named) == 4


def test_a_module_is_executed_once_more_and_the_first_stays(tmp_path: Path) -> None:
    file = tmp_path / "counts.py"
    file.write_text("made = []\n")
    name = f"{file}:made"
    first = load(name)
    first.append(1)
    assert load_anew(name) == []
    assert first == [1]
    file.write_text("1 / 0\n")
    with pytest.raises(TargetError, match="ZeroDivisionError"):
        load_anew(name)
