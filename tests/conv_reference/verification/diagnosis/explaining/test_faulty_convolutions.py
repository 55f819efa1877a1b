from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

from conv_reference.geometry import Geometry
from conv_reference.verification.diagnosis.explaining.causes import guess
from conv_reference.verification.diagnosis.explaining.faulty_convolutions import mistaken_geometries
from conv_reference.verification.execution import guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

IGNORED = "the output padding is ignored"


def mistaken(target: object, sizes: str) -> tuple[Trial, dict[str, Geometry]]:
    case = Case.parse(f"certificate float64 {sizes}")
    trial = Trial(as_target(target), case, 0, torch.device("cpu"))
    return trial, dict(mistaken_geometries(trial))


def test_a_convolutions_input_stays_as_large_as_it_is() -> None:
    trial, found = mistaken(conv2d, "n1 c1 h7 w8 o1 k3x2 s2x1 p1x0 d1x2")
    g = trial.case.geometry

    assert {"the padding is ignored", "stride and dilation are exchanged"} <= {*found}
    assert IGNORED not in found
    assert {each.input_size for each in found.values()} == {g.input_size}


@pytest.mark.parametrize(("height", "remainder"), [(5, 0), (6, 1)])
def test_a_transposed_ones_input_is_the_output_and_stays(height: int, remainder: int) -> None:
    trial, found = mistaken(conv_transpose2d, f"n1 c1 h{height} w5 o1 k3 s2")
    g = trial.case.geometry

    assert g.remainder == (remainder, 0)
    assert {each.output_size for each in found.values()} == {g.output_size}
    assert (IGNORED in found) == bool(remainder)
    if remainder:
        assert found[IGNORED].input_size == (5, 5)


class Unspread(torch.autograd.Function):
    """In dX the upstream gradient is taken for that of stride 1."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, stride: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.stride = stride
        return conv2d(X, K, stride=stride)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        dX = conv_transpose2d(G, K)
        lacking = [size - own for size, own in zip(X.shape[2:], dX.shape[2:], strict=True)]
        dX = pad(dX, (0, lacking[1], 0, lacking[0]))
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G, ctx.stride), None


def test_a_stride_that_is_ignored_is_not_laid_at_the_other_axis() -> None:
    """Of (1, 2) both make (1, 1); a case of (2, 2) tells."""

    def unspread(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1) -> Tensor:
        Y: Tensor = Unspread.apply(input, weight, stride)  # type: ignore[no-untyped-call]  # torch's own
        return Y

    smallest, other = (
        Trial(as_target(unspread), Case.parse(text), 0, torch.device("cpu"))
        for text in (
            "certificate float32 h3 w5 k2 s1x2 grad=X nobias",
            "certificate float32 h6 w6 k2 s2 grad=X nobias",
        )
    )
    with guarded():
        for others in ([], [other]):
            assert guess(smallest, "dX", others) == "Perhaps the stride is ignored."
