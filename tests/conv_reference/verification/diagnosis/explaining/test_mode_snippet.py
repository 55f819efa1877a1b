"""A wrong mode is shown in torch alone, by lines that were run; what is right is shown right."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.mode_snippet import as_plain_torch, printed
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement, Quantity
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.here import Here

GEOMETRY = "n2 c2 h4 w5 o2 k3x2"
LAYER = """\
import torch
import modes

class Layer(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, bias=True):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(out_channels, in_channels, *kernel_size))
        self.bias = torch.nn.Parameter(torch.ones(out_channels)) if bias else None

    def forward(self, X):
        Y = modes.WrongBatchingRule.apply(X, self.weight)
        return Y if self.bias is None else Y + self.bias[:, None, None]
"""


def bench_of(target: Target, seconds: float = math.inf) -> Bench:
    return Bench(target, Here(target), Settings(seed=1, device="cpu"), (), (), seconds)


def wrong(check: str, letters: tuple[str, ...] = (), *, words: str = "nobias") -> Failure:
    quantity = Quantity("Y", letters)
    judgement = Judgement(check, "Y", Verdict.WRONG)
    case = Case.parse(f"{check} float64 {GEOMETRY} {words}")
    return Failure(case, judgement.about(quantity) if letters else judgement)


FAULTS = [
    ("jvp", (), "ForgetsWeightTangent"),
    ("dual_numbers", (), "ForgetsWeightTangent"),
    ("double_backward", (), "GradientTakenForConstant"),
    ("double_backward", (), "ForgetsCrossTerm"),
    ("double_backward", (), "CutOff"),
    ("double_backward", (), "CutOffInOneStep"),
    ("double_backward", (), "ForgetsCrossTermInOneStep"),
    ("third_order", (), "TakesXForConstant"),
    ("forward_over_reverse", (), "ForgetsCrossTerm"),
    ("vmap", ("K",), "WrongBatchingRule"),
    ("vmap", ("X", "K"), "WrongBatchingRule"),
    ("vmap_gradients", ("G",), "SharesGradients"),
]


@pytest.mark.parametrize(("check", "letters", "name"), FAULTS)
def test_what_is_wrong_prints_false_and_what_is_right_prints_true(
    check: str, letters: tuple[str, ...], name: str
) -> None:
    target, right = load_target(f"modes:{name}"), load_target("modes:Right")
    text = as_plain_torch(wrong(check, letters), bench_of(target))

    assert text.endswith("  # should be True, is False")
    assert "conv_reference" not in text
    assert len(text.splitlines()) <= 16
    assert printed(target, text, None) == "False"
    assert printed(right, text.replace(name, "Right"), None) == "True"
    assert as_plain_torch(wrong(check, letters), bench_of(right)) == ""


@pytest.mark.parametrize("words", ["nobias", "grad=XKb"])
def test_a_layer_is_called_with_parameters_of_its_own(words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LAYER)
    target, path = load_target(f"{tmp_path}/mine.py:Layer"), [*sys.path]
    text = as_plain_torch(wrong("vmap", ("K",), words=words), bench_of(target))
    assert (sys.path, "mine" in sys.modules) == (path, False)
    assert "torch.func.functional_call(layer, {'weight': K" in text


def test_where_no_lines_show_it_there_are_none() -> None:
    target = load_target("modes:WrongBatchingRule")
    adapter = load_target("conv_reference.adapters.numpy:Numpy")
    for failure in (
        wrong("vmap", ("b",)),
        wrong("vmap", ("X", "G")),
        wrong("vmap_nested", ("X", "K")),
        wrong("forward"),
    ):
        assert as_plain_torch(failure, bench_of(target)) == ""
    assert as_plain_torch(wrong("vmap", ("K",)), bench_of(adapter)) == ""
    assert as_plain_torch(wrong("vmap", ("K",)), bench_of(target, seconds=-math.inf)) == ""


def test_what_raises_shows_nothing() -> None:
    assert printed(load_target("modes:Right"), "raise SystemError", None) is None
