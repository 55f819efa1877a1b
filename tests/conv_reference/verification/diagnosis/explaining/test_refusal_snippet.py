"""What should be refused and is answered is shown by a call of torch and the target alone."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.mode_snippet import printed
from conv_reference.verification.diagnosis.explaining.refusal_snippet import as_plain_refusal
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.here import Here

SETTINGS = Settings(seed=1, device="cpu")
TARGETS = """\
import torch
from torch.nn.functional import conv2d

def clamps(input, weight, bias=None, stride=1, padding=0, *, dilation=1, groups=1):
    padding = [max(p, 0) for p in padding]
    return conv2d(input, weight, bias, stride, padding, dilation, groups)

def first_of_the_bias(input, weight, bias=None):
    return conv2d(input, weight, None if bias is None else bias[: len(weight)])

class Padded(torch.nn.Conv2d):
    def __init__(self, in_channels, out_channels, kernel_size, padding=0):
        super().__init__(in_channels, out_channels, kernel_size, padding=[abs(p) for p in padding])
"""
CASE = Case.parse("refusals float64 n1 c1 h1 w1 o1 k1 values=ones grad= nobias")


@pytest.mark.parametrize(
    ("name", "called", "what"),
    [
        ("clamps", "stride=(1, 1), padding=(-1, -1), dilation=(1, 1)", "negative padding"),
        ("first_of_the_bias", "first_of_the_bias(X, K, bias=b)", "a bias that is too long"),
        (
            "Padded",
            "Padded(in_channels=4, out_channels=4, kernel_size=(3, 3), padding=(-1, -1))",
            "negative padding",
        ),
    ],
)
def test_what_is_answered_is_called(name: str, called: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TARGETS)
    target = load_target(f"{tmp_path}/mine.py:{name}")
    answered = [j for j in judge_case(target, CASE, SETTINGS) if j.verdict == Verdict.PERMISSIVE]
    bench = Bench(target, Here(target), SETTINGS, (), (), math.inf)
    text = as_plain_refusal(Failure(CASE, answered[0]), bench)

    assert "conv_reference" not in text
    assert called in text
    assert "  # should be refused: " in text
    assert what in text
    shown = printed(target, text, None)
    assert shown is not None
    assert shown.startswith("torch.Size([1, 4, ")


def test_each_that_is_answered_is_called_and_no_operand_made_twice(tmp_path: Path) -> None:
    """The first alone was shown of what a report lists."""
    (tmp_path / "mine.py").write_text(TARGETS)
    target = load_target(f"{tmp_path}/mine.py:clamps")
    answered = [j for j in judge_case(target, CASE, SETTINGS) if j.verdict == Verdict.PERMISSIVE]
    bench = Bench(target, Here(target), SETTINGS, (), (), math.inf)
    text = as_plain_refusal(Failure(CASE, answered[0]), bench)

    said = answered[0].explanation.splitlines()[1:]
    listed = [line.strip().partition(", with Y")[0] for line in said]
    called = [line.partition("  # should be refused: ")[2] for line in text.splitlines()]
    assert [*filter(None, called)] == listed
    assert len(listed) > 1
    assert text.count("K = ") == 1


def test_of_what_is_refused_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TARGETS)
    (tmp_path / "right.py").write_text("from torch.nn.functional import conv2d\n")
    wrong, right = (load_target(f"{tmp_path}/{n}") for n in ("mine.py:clamps", "right.py:conv2d"))
    answered = [j for j in judge_case(wrong, CASE, SETTINGS) if j.verdict == Verdict.PERMISSIVE]
    bench = Bench(right, Here(right), SETTINGS, (), (), math.inf)
    assert as_plain_refusal(Failure(CASE, answered[0]), bench) == ""
