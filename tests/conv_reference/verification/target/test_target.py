from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.geometry import Geometry
from conv_reference.layer import ConvLayer_1
from conv_reference.strategies import geometries
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target


def only_stride(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    return F.conv2d(input, weight, stride=stride)


INSTANCE = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)
TARGETS = [as_target(target) for target in (F.conv2d, only_stride, INSTANCE, ConvLayer_1)]


@settings(max_examples=50)
@given(geometries(symmetric=True))
def test_the_nearest_case_is_its_own_nearest(geometry: Geometry) -> None:
    case = Case(check="certificate", geometry=geometry, dtype=torch.float64)
    for target in TARGETS:
        nearest = target.restrict(case)
        assert target.restrict(nearest) == nearest
        assert nearest.geometry.batch == geometry.batch


@pytest.mark.parametrize(
    ("target", "nearest"),
    [
        (TARGETS[0], "n5 c4 h3 w3 o2 k3x3 s3 p2x1 d1 g2"),
        # Without groups a group's channels are left.
        (TARGETS[1], "n5 c2 h3 w3 o1 k3x3 s3 p0 d1 g1"),
        # Its own sizes; h + 2 and w hold its kernel.
        (TARGETS[2], "n5 c4 h3 w3 o6 k3x2 s2x1 p1x0 d1 g2"),
        (TARGETS[3], "n5 c1 h3 w3 o1 k3x3 s1 p0 d1 g1"),
    ],
    ids=["everything", "a stride alone", "an instance", "no channels"],
)
def test_what_the_target_lacks_takes_its_default(target: Any, nearest: str) -> None:
    asked = Geometry.parse("n5 c4 h3 w3 o2 k3x3 s3 p2x1 d1 g2")
    assert str(target.restrict_geometry(asked)) == nearest


def test_an_input_too_small_without_its_padding_is_enlarged() -> None:
    asked = Geometry.parse("h1 w2 k4 p3 d2")
    # d·(k - 1) + 1 = 4 without dilation.
    assert str(TARGETS[1].restrict_geometry(asked)) == "n1 c1 h4 w4 o1 k4x4 s1 p0 d1 g1"


def test_a_target_without_a_bias_is_not_asked_for_its_gradient() -> None:
    case = Case.parse("certificate float64 h3 w3 k2")
    nearest = TARGETS[1].restrict(case)
    assert (nearest.bias, nearest.requires_grad) == (False, "XK")
    assert TARGETS[2].restrict(replace(case, bias=False, requires_grad="")).bias


def test_shapes_are_the_targets_own() -> None:
    geometry = Geometry.parse("n3 h4 w5 k2x3")
    assert TARGETS[0].own_shape("input", geometry) == (3, 1, 4, 5)
    assert TARGETS[3].own_shape("input", geometry) == (3, 4, 5)
    assert TARGETS[0].own_shape("weight", geometry) == (1, 1, 2, 3)
    assert TARGETS[3].own_shape("weight", geometry) == (2, 3)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_description_travels_and_cannot_be_called(target: Any) -> None:
    described = pickle.loads(pickle.dumps(target.described()))
    case = Case.parse("certificate float64 h3 w3 k2")

    assert described.restrict(case) == target.restrict(case)
    assert (described.name, described.options) == (target.name, target.options)
    with pytest.raises(TargetError, match="it cannot be called here"):
        described.prepare(case, None)


def test_what_can_be_asked_for_nothing_is_refused_with_the_domain() -> None:
    with pytest.raises(ValueError, match=r"Conv2d can be asked for no sizes where kh == 7$"):
        TARGETS[2].within("kh == 7")


@pytest.mark.parametrize(
    ("where", "has"),
    [
        (
            "kh > 100000",
            "h100001 w1 o1 k100001x1 s1 p0 d1 g1 has a kernel of 100,001 taps, at most",
        ),
        (
            "h > 2000000000",
            "w1 o1 k1x1 s1 p0 d1 g1 has 4,000,000,003 elements, at most 134,217,728",
        ),
    ],
)
def test_what_can_be_asked_for_large_sizes_alone_is_refused_with_one(where: str, has: str) -> None:
    with pytest.raises(ValueError, match=f"nothing but sizes that are too large .*{has}"):
        TARGETS[0].within(where)


def test_where_one_integer_is_for_both_axes_squares_alone_are_tried() -> None:
    squares = replace(as_target(F.conv2d), integers=frozenset({"stride", "padding"}))
    assert as_target(F.conv2d).tried_where == ""
    assert squares.tried_where == "sh == sw and ph == pw"
    assert squares.within("g == 1 or c == 1").tried_where == (
        "(g == 1 or c == 1) and sh == sw and ph == pw"
    )
    assert squares.within("sh == sw").tried_where == "sh == sw and ph == pw"
    assert replace(as_target(only_stride), integers=frozenset({"padding"})).tried_where == ""
