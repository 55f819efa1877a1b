"""A layer that computes its kernel is no convolution of its parameter, and no wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.commands.tiny_case import reported
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.own_kernel import case_of_impulses, computed_kernel

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Computing(nn.Conv2d):
    """Its kernel is made for each call."""

    def made(self, K: Tensor) -> Tensor:
        return K

    def forward(self, input: Tensor) -> Tensor:
        Y: Tensor = self._conv_forward(input, self.made(self.weight), self.bias)
        return Y


class Standardised(Computing):
    def made(self, K: Tensor) -> Tensor:
        centred = K - K.mean((1, 2, 3), keepdim=True)
        return centred / (K.std((1, 2, 3), keepdim=True) + 1e-5)


class Quantised(Computing):
    def made(self, K: Tensor) -> Tensor:
        scale = K.abs().max() / 127
        return (K / scale).round() * scale


class Flipped(Computing):
    def made(self, K: Tensor) -> Tensor:
        return K.flip(2, 3)


class Halved(Computing):
    def made(self, K: Tensor) -> Tensor:
        return K / 2


class Stale(Computing):
    """A fault: the kernel of its first call is kept."""

    kept: Tensor | None = None

    def made(self, K: Tensor) -> Tensor:
        if Stale.kept is None or Stale.kept.shape != K.shape:
            Stale.kept = K.detach().clone()
        return Stale.kept


class Truncated(Computing):
    """A fault of another kind: it is no convolution, with whatever kernel."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).clamp(max=3)


def said_of(layer: Any) -> str:
    target = as_target(layer)
    case = case_of_impulses(target)
    assert case is not None
    return computed_kernel(Settings(seed=0, device="cpu").trial(target, case))


@pytest.mark.parametrize("layer", [Standardised, Quantised])
def test_a_layer_that_computes_its_kernel_is_seen(layer: Any) -> None:
    assert "it convolves with" in said_of(layer)
    made = layer(4, 6, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=True)
    assert "it convolves with" in said_of(made)


@pytest.mark.parametrize("layer", [Computing, Flipped, Halved, Stale, Truncated])
def test_what_is_right_or_a_fault_of_the_kernel_or_elsewhere_is_judged(layer: Any) -> None:
    assert not said_of(layer)


def test_a_function_of_the_kernel_is_judged() -> None:
    def standardised(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight / weight.std())

    assert case_of_impulses(as_target(standardised)) is None


def test_it_is_refused_with_the_reason_and_a_single_case_is_judged() -> None:
    with pytest.raises(TargetError, match=r"^cannot verify .*Standardised.: it convolves with"):
        verify(Standardised, cases=20)
    case = "certificate float64 n1 c1 h2 w2 o1 k2 s1 p0 d1 g1 values=ones grad= nobias"
    assert verify(Standardised, case=case, known=None).verdict == Verdict.WRONG


def test_a_file_that_is_tried_says_so() -> None:
    verdict, lines = reported("ws.py:Standardised", Standardised)
    assert verdict == "not judged"
    assert "it convolves with another kernel than its parameter" in lines[1]
    assert reported("ws.py:Flipped", Flipped)[0] == "wrong"
