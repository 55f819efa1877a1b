from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
import transposed
from torch import nn
from torch.nn.functional import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)

from conv_reference.geometry import Geometry
from conv_reference.verification import TargetError, as_target, load_target, options, verify
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.operators import READINGS

GEOMETRY = Geometry.parse("n2 c6 h9 w11 o4 k3x2 s3x2 p1x0 d1x2 g2")
LAYER = nn.ConvTranspose2d(
    4, 6, (3, 2), (3, 2), (1, 0), output_padding=(1, 1), groups=2, dilation=(1, 2)
)


def of_weight(
    input: torch.Tensor, weight_size: Any, grad_output: torch.Tensor, stride: Any = 1
) -> Any:
    return torch.nn.grad.conv2d_weight(input, weight_size, grad_output, stride)


def of_input(
    input_size: Any, weight: torch.Tensor, grad_output: torch.Tensor, *, padding: Any = 0
) -> Any:
    return torch.nn.grad.conv2d_input(input_size, weight, grad_output, padding=padding)


@pytest.mark.parametrize(
    ("implementation", "name"),
    [
        (conv2d, "conv2d"),
        (conv_transpose2d, "conv_transpose2d"),
        (partial(conv_transpose2d, stride=(2, 2)), "conv_transpose2d"),
        (torch.nn.grad.conv2d_weight, "conv2d_weight"),
        (torch.nn.grad.conv2d_input, "conv2d_input"),
        (nn.Conv2d, "conv2d"),
        (nn.ConvTranspose2d, "conv_transpose2d"),
        (LAYER, "conv_transpose2d"),
        (transposed.right, "conv_transpose2d"),
        (of_weight, "conv2d_weight"),
        (of_input, "conv2d_input"),
    ],
)
def test_torchs_own_are_known_and_others_by_class_and_parameters(
    implementation: Any, name: str
) -> None:
    assert as_target(implementation).operator.name == name


@pytest.mark.parametrize(
    ("implementation", "option", "given"),
    [(of_weight, "stride", "s2x1"), (of_input, "padding", "p1")],
)
def test_a_gradient_with_torchs_names_is_judged_as_one(
    implementation: Any, option: str, given: str
) -> None:
    assert as_target(implementation).options == {option}
    case = f"certificate float32 h4 w5 c2 o3 k2x3 {given} nobias grad=XK"
    assert verify(implementation, case=case, seed=0).verdict == "exact"


def scatters(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Nothing in its signature says what it is."""
    return conv_transpose2d(input, weight)


def test_what_does_not_say_it_is_read_as_the_operator_that_is_named() -> None:
    case = "certificate float32 h4 w5 c2 o3 k2x3 nobias grad=XK"
    assert as_target(scatters).operator.name == "conv2d"
    assert not verify(scatters, case=case, seed=0).passed
    report = verify(scatters, operator="conv_transpose2d", case=case, seed=0)
    assert report.passed, report
    assert report.target.endswith("scatters@conv_transpose2d")


def test_the_command_accepts_what_verify_does() -> None:
    assert sorted(options.OPERATORS) == sorted(READINGS)


def test_a_name_may_hold_the_operator() -> None:
    target = load_target("torch.nn.functional:conv2d@conv_transpose2d")
    assert (target.operator.name, target.importable) == ("conv_transpose2d", True)
    with pytest.raises(TargetError, match="no operator 'pool'; accepted is one of conv2d, "):
        load_target("torch.nn.functional:conv2d@pool")
    with pytest.raises(ValueError, match="operator must be one of conv2d, .*, got 'pool'"):
        verify(scatters, operator="pool")


LINE = nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2, dilation=2)


@pytest.mark.parametrize(
    "implementation",
    [conv1d, nn.Conv1d, LINE, conv_transpose1d, nn.ConvTranspose1d, partial(conv1d, groups=1)],
)
def test_one_dimension_is_the_width_of_two_in_shapes_of_its_own(implementation: Any) -> None:
    target = as_target(implementation)
    case = target.restrict(Case(check="certificate", geometry=GEOMETRY, dtype=torch.float64))
    g = case.geometry
    assert (g.input_size[0], g.kernel_size[0], g.stride[0], g.dilation[0]) == (1, 1, 1, 1)
    assert target.restrict(case) == case
    shape = target.operator.shape("input", g)
    assert target.own_shape("input", g) == (*shape[:2], shape[3])
    for check in ("certificate", "double_backward", "vmap", "translation", "nonfinite"):
        report = verify(target, case=str(case).replace("certificate", check), seed=0)
        assert report.passed, report


def along_a_row(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A stranger's: nothing says that it is in one dimension; its taps are flipped."""
    return conv1d(input, weight.flip(2))


def test_a_finding_in_one_dimension_has_its_indices() -> None:
    case = "certificate float32 n1 c1 h1 w3 o1 k1x2 values=counting nobias grad=X"
    report = verify(along_a_row, operator="conv1d", case=case, seed=0)
    finding, *_ = report.findings
    assert finding.quantity == "Y"
    assert len(finding.index) == 3
    assert "should be K[0]·X[0] + K[1]·X[1]" in finding.explanation
    assert "kernel is flipped" in finding.cause


@pytest.mark.parametrize(
    "implementation",
    [
        conv3d, conv_transpose3d, nn.Conv3d, nn.Conv3d(1, 1, 2), nn.ConvTranspose3d,
        torch.nn.grad.conv3d_input, torch.nn.grad.conv3d_weight,
    ],
)  # fmt: skip
def test_three_dimensions_are_refused_in_one_line(implementation: Any) -> None:
    with pytest.raises(TargetError, match="three-dimensional convolution is not covered") as raised:
        as_target(implementation)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "implementation", [torch.nn.grad.conv1d_input, torch.nn.grad.conv1d_weight]
)
def test_the_gradients_of_one_dimension_are_refused_in_one_line(implementation: Any) -> None:
    with pytest.raises(TargetError, match=r"a gradient of conv1d as a function is not covered"):
        as_target(implementation)


@pytest.mark.parametrize(
    "implementation",
    [conv_transpose2d, nn.ConvTranspose2d, torch.nn.grad.conv2d_weight, torch.nn.grad.conv2d_input],
)
def test_a_call_has_the_shapes_of_the_form(implementation: Any) -> None:
    target = as_target(implementation)
    case = target.restrict(Case(check="certificate", geometry=GEOMETRY))
    assert case.geometry == GEOMETRY
    report = verify(target, case=case, seed=0)
    assert report.passed, report


def test_an_instance_is_asked_for_its_own_output_padding() -> None:
    target = as_target(LAYER)
    restricted = target.restrict_geometry(Geometry.parse("n2 h12 w12 k1"))
    assert restricted.remainder == (1, 1)
    assert restricted.in_channels == 6
    assert restricted.out_channels == 4
    assert target.restrict_geometry(restricted) == restricted


def test_the_output_padding_of_an_instance_is_that_of_the_part_with_its_kernel() -> None:
    inner = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=(1, 0))
    target = as_target(nn.Sequential(nn.Sequential(inner)), operator="conv_transpose2d")
    assert target.remainder == (1, 0)


@pytest.mark.parametrize("text", ["h1 w1 k1 s5 p2", "h8 w9 k3x2 s3x4", "h2 w3 k1x2"])
def test_without_output_padding_there_is_no_remainder(text: str) -> None:
    target = replace(as_target(conv_transpose2d), remainder=(0, 0))
    restricted = target.restrict_geometry(Geometry.parse(text))
    assert restricted.remainder == (0, 0)
    assert restricted.output_size == Geometry.parse(text).output_size or min(
        Geometry.parse(text).input_size
    ) < max(Geometry.parse(text).stride)


def test_an_output_padding_as_large_as_the_stride_is_refused() -> None:
    layer = nn.ConvTranspose2d(1, 1, 2, stride=1, dilation=3, output_padding=1)
    with pytest.raises(TargetError, match=r"output_padding must be below the stride \(1, 1\)"):
        as_target(layer)
