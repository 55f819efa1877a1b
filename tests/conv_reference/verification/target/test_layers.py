from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.layer import ConvLayer_1
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.tiny import tiny_judgements
from conv_reference.verification.trial.values import case_operands


def prepared(target: Target, case: Case) -> Call:
    return target.prepare(case, case_operands(case, 0))


class TwoKernels(nn.Module):
    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(kernel_size))
        self.second = nn.Parameter(torch.ones(kernel_size))


class PadsInside(nn.Module):
    """Its padding stands in its forward alone, where nobody can read it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(2, 2, 3, 3)), nn.Parameter(torch.ones(2))
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, X: Tensor) -> Tensor:
        return F.conv2d(X, self.weight, self.bias, padding=1)


class OptionsBetween(nn.Module):
    """The options are in a part, and the kernel in a part of that."""

    conv: Any

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Module()
        self.conv.inner = nn.ParameterList([torch.ones(3, 2, 3, 3)])
        self.conv.stride, self.conv.padding, self.conv.padding_mode = 2, 1, "circular"

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="circular")
        return F.conv2d(padded, self.conv.inner[0], stride=self.conv.stride)


def test_options_between_an_instance_and_its_kernel_are_its_own() -> None:
    target = as_target(OptionsBetween())
    assert target.assumptions == "stride 2, padding 1, dilation 1, groups 1"
    assert target.fixed["stride"] == (2, 2)
    assert target.fixed["padding_mode"] == "circular"
    assert all(judgement.is_exact for judgement in tiny_judgements(target))


def test_an_instance_has_its_bias_always_or_never() -> None:
    for bias in (True, False):
        target = as_target(nn.Conv2d(2, 2, 3, bias=bias))
        for wanted in (True, False):
            case = Case.parse("certificate float64 c2 h3 w3 o2 k3")
            case = replace(case, bias=wanted, requires_grad="XKb" if wanted else "XK")
            assert target.restrict(case).bias == bias


def test_an_instance_is_not_changed() -> None:
    layer = nn.Conv2d(1, 1, 2)
    before = layer.weight.detach().clone()
    prepared(as_target(layer), Case.parse("certificate float64 h3 w3 k2"))

    assert torch.equal(layer.weight, before)
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("layer", "assumed"),
    [
        (PadsInside(), "stride 1, dilation 1, groups 1"),  # its padding is found by trial
        (PadsInside(padding=1, groups=1), "stride 1, dilation 1"),
        (ConvLayer_1((2, 2)), "stride 1, padding 0, dilation 1"),
        (nn.Conv2d(2, 2, 3, padding=1), ""),
        (
            nn.Sequential(nn.Conv2d(2, 2, 3, stride=2, padding=(1, 0))),
            "stride (2, 2), padding (1, 0), dilation (1, 1), groups 1",
        ),
        (nn.Conv2d, ""),
        (F.conv2d, ""),
    ],
    ids=[
        "tells nothing",
        "tells some",
        "without channels",
        "tells all",
        "its part tells",
        "a class",
        "a function",
    ],
)
def test_what_an_instance_does_not_tell_is_assumed_and_noted(layer: Any, assumed: str) -> None:
    assert as_target(layer).assumptions == assumed


def test_a_layer_is_called_as_its_users_do_and_with_other_tensors_functionally() -> None:
    """With tensors of a transform in place of its parameters the layer follows them."""
    case = Case.parse("certificate float64 n2 h3 w3 k2 grad=K")
    call = prepared(as_target(nn.Conv2d), case)
    doubled = call.function(call.X, 2 * call.K, call.b)
    assert call.b is not None

    assert torch.equal(
        doubled - call.b[:, None, None], 2 * (call.forward() - call.b[:, None, None])
    )
    assert isinstance(call.K, nn.Parameter)


def test_a_layer_without_channels_gets_images_without_channels() -> None:
    target = as_target(ConvLayer_1)
    call = prepared(target, Case.parse("certificate float32 n3 h4 w5 k2 nobias grad=XK"))

    assert not target.has_channels
    assert (call.X.shape, call.K.shape, call.G.shape) == ((3, 4, 5), (2, 2), (3, 3, 4))
    assert call.forward().shape == (3, 3, 4)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (TwoKernels, "accepted is a layer of one kernel and at most one bias, got parameters of "),
        (nn.LazyConv2d, "a lazy layer has no kernel yet; accepted is one that was called once"),
        (nn.LazyConv2d(1, 1), "a lazy layer has no kernel yet"),
        (PadsInside(padding="odd"), "cannot verify 'PadsInside': "),
        (PadsInside(groups=0), "cannot verify 'PadsInside': groups must be at least 1, got 0"),
    ],
)
def test_a_layer_whose_kernel_or_options_are_not_clear_is_refused(layer: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        as_target(layer)
