from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from conv_reference.geometry import Geometry
from conv_reference.layer import Conv2d
from conv_reference.verification import verify
from conv_reference.verification.checks import all_checks
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

OWN = "padding_modes float32 h4 w5 k2x3 p1"


@pytest.mark.parametrize("layer", [nn.Conv2d, Conv2d])
def test_no_false_alarm(layer: Any) -> None:
    assert exact_everywhere(layer, "padding_modes", count=4) > 0


def padding(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *,
    padding_mode: str = "zeros",
) -> Tensor:
    """Its `reflect` repeats the pixel at the border."""
    if padding_mode == "zeros":
        return conv2d(input, weight, bias, stride, padding)
    mode = {"reflect": "replicate"}.get(padding_mode, padding_mode)
    return conv2d(_padded(input, padding, mode), weight, bias, stride)


def _padded(X: Tensor, sides: tuple[int, int], mode: str) -> Tensor:
    return pad(X, (sides[1], sides[1], sides[0], sides[0]), mode=mode)


class Cropping(torch.autograd.Function):
    """A circular border, and the gradient of one of zeros."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, sides: tuple[int, int]) -> Tensor:
        ctx.sides = sides
        return _padded(X, sides, "circular")

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        (h, w), (height, width) = ctx.sides, G.shape[2:]
        return G[:, :, h : height - h, w : width - w], None


class OneTooFar(nn.Conv2d):
    """Behind the last row and column it goes on with the second ones."""

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = (int(side) for side in self.padding)
        X = torch.cat([input[..., -columns:], input, input[..., 1 : columns + 1]], -1)
        X = torch.cat([X[..., -rows:, :], X, X[..., 1 : rows + 1, :]], -2)
        return conv2d(X, self.weight, self.bias)


def test_a_border_that_holds_other_numbers_is_guessed_where_no_other_mode_fits() -> None:
    layer = OneTooFar(1, 1, 3, padding=1, padding_mode="circular")
    report = verify(layer, checks="forward", dtypes="float64", cases=60, seed=1)
    wrong = [finding for finding in report.findings if finding.verdict == Verdict.WRONG]
    said = "Perhaps the padding is filled otherwise than mode 'circular' says."
    assert {finding.cause for finding in wrong} == {said}


class WithoutItsAdjoint(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "circular":
            return super().forward(input)
        padded = Cropping.apply(input, self.padding)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def test_a_fault_in_one_mode_is_told_with_its_formula_and_its_cause() -> None:
    report = verify(padding, checks="padding_modes", dtypes="float32", seed=0, known=None)
    assert "wrong (1 finding)" in str(report)
    finding = report.findings[0]
    assert finding.geometry.endswith(" reflect")
    assert "should be K[0,0]·X[0,1]\n  is        K[0,0]·X[0,0]" in finding.explanation
    assert "the padding is of mode 'replicate'" in finding.cause
    assert "padding_mode='reflect'" in finding.snippet
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts == {
        "padding_circular": Verdict.EXACT,
        "padding_reflect": Verdict.WRONG,
        "padding_replicate": Verdict.EXACT,
    }


def test_the_gradient_of_a_border_is_its_adjoint() -> None:
    wrong = failures(WithoutItsAdjoint, OWN)
    assert {*wrong} == {("padding_circular", "dX")}


@pytest.mark.slow
def test_a_layer_of_one_mode_is_asked_all_that_holds_of_it() -> None:
    layer = nn.Conv2d(2, 3, (2, 3), padding=(1, 2), padding_mode="circular")
    target = as_target(layer)
    assert target.settled_mode == "circular"
    asked = target.restrict_geometry(Geometry(input_size=(1, 1), kernel_size=(1, 1)))
    assert str(asked).endswith(" o3 k2x3 s1 p1x2 d1 g1 circular")
    report = verify(layer, dtypes="float64", cases=1, seed=0, known=None)
    assert report, str(report)
    held = {c.name for c in report.checks if c.verdict != Verdict.UNSUPPORTED}
    assert {"forward", "double_backward", "jvp", "vmap", "channel_permutation"} <= held
    assert not {"translation", "nonfinite_input"} & held


def test_who_has_no_such_word_is_not_told_of_it() -> None:
    check = all_checks()["padding_modes"]
    assert not check.concerns(as_target(conv2d))
    assert check.concerns(as_target(padding))
    assert as_target(padding).foreign == ()


def test_a_mode_that_there_is_not_is_refused() -> None:
    layer = nn.Conv2d(1, 1, 1, padding=1)
    layer.padding_mode = "mirror"  # type: ignore[assignment]  # the error is the point
    with pytest.raises(ValueError, match="padding_mode must be one of 'zeros', 'circular'"):
        as_target(layer)


def mirrored(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    sides: Any = None,
    padding: Any = (0, 0),
    padding_mode: str = "reflect",
) -> Tensor:
    """Left to itself it mirrors."""
    return padded_by_name(input, weight, bias, stride, padding, padding_mode)


def padded_by_name(
    X: Tensor, K: Tensor, b: Tensor | None, stride: Any, sides: Any, mode: str
) -> Tensor:
    padded = _padded(X, sides, {"zeros": "constant"}.get(mode, mode))
    return conv2d(padded, K, b, stride)


def test_who_mirrors_by_default_is_given_zeros() -> None:
    assert not failures(mirrored, "certificate float32 h4 w5 k2x3 p1")
