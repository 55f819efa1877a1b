"""What is named is called as it is: an ``apply``, a method or a partial, by its own parameters."""

from __future__ import annotations

import functools
import runpy
from pathlib import Path
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.trial.tiny import tiny_judgements

SOURCE = """\
import functools
import torch
from torch.nn.functional import conv2d as torchs
from torch.nn.grad import conv2d_input, conv2d_weight

class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        ctx.biased = b is not None
        return torchs(x, w, b)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        db = g.sum((0, 2, 3)) if ctx.biased else None
        return conv2d_input(x.shape, w, g), conv2d_weight(x, w.shape, g), db

conv2d = Fn.apply

class Engine:
    def __init__(self, factor):
        self.factor = factor

    def run(self, x, w, b=None, s=1):
        return self.factor * torchs(x, w, b, s)

right = Engine(1).run
wrong = Engine(2).run

def scaled(x, w, b=None, s=1, *, factor=1):
    return factor * torchs(x, w, b, s)

once = functools.partial(scaled, factor=1)
twice = functools.partial(scaled, factor=2)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "named_otherwise.py"
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize(
    ("name", "verdict", "called_as"),
    [
        ("conv2d", Verdict.EXACT, {"b for bias"}),
        ("Fn.apply", Verdict.EXACT, {"b for bias"}),
        ("Fn", Verdict.EXACT, {"b for bias"}),
        ("right", Verdict.EXACT, {"b for bias", "s for stride"}),
        ("wrong", Verdict.WRONG, {"b for bias", "s for stride"}),
        ("once", Verdict.EXACT, {"b for bias", "s for stride"}),
        ("twice", Verdict.WRONG, {"b for bias", "s for stride"}),
    ],
)
def test_it_is_judged(file: Path, name: str, verdict: Verdict, called_as: set[str]) -> None:
    target = load_target(f"{file}:{name}")
    assert {*target.called_as} == called_as
    assert {judgement.verdict for judgement in tiny_judgements(target)} == {verdict}


def test_it_is_spelt_as_it_is_named(file: Path) -> None:
    names = ("Fn", "Fn.apply", "conv2d")
    spellings: list[Any] = [load_target(f"{file}:{name}").spelling for name in names]
    assert [spelling.apply for spelling in spellings] == [True, False, False]


def test_an_apply_has_the_name_of_its_class(file: Path) -> None:
    apply = runpy.run_path(str(file))["conv2d"]
    assert as_target(apply).name == "Fn.apply"


def test_a_partial_of_torchs_is_called_as_torch_is() -> None:
    assert not as_target(functools.partial(conv2d, stride=2)).called_as
