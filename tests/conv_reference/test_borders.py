"""What goes on past an image's border: against the definition, and torch's own padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from conv_reference import borders, definition
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, exact_operands
from conv_reference.padding_modes import MODES, Mode, inside, least_size, most_copies, most_padding
from conv_reference.quantities import CONV2D
from conv_reference.strategies import geometries
from conv_reference.verification.checks.padding_modes import in_mode

OTHERS: tuple[Mode, ...] = ("circular", "reflect", "replicate")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Geometry, Operands]:
    drawn = draw(geometries(max_batch=2, max_groups=2, max_group_channels=2, symmetric=False))
    geometry = in_mode(drawn, draw(st.sampled_from(OTHERS)))
    return geometry, exact_operands(geometry, torch.float64, seed=draw(st.integers(0, 99)))


def by_torch(geometry: Geometry, X: Tensor, K: Tensor, b: Tensor) -> Tensor:
    (top, bottom), (left, right) = geometry.padding
    padded = torch.nn.functional.pad(X, (left, right, top, bottom), mode=geometry.padding_mode)
    return torch.nn.functional.conv2d(
        padded, K, b, geometry.stride, 0, geometry.dilation, geometry.groups
    )


@settings(max_examples=60)
@given(cases())
def test_each_mode_and_its_adjoint_are_torchs_bit_for_bit(case: tuple[Geometry, Operands]) -> None:
    geometry, given_ = case
    X, K = given_.input.clone().requires_grad_(), given_.weight.clone().requires_grad_()
    Y = by_torch(geometry, X, K, given_.bias)
    dX, dK = torch.autograd.grad(Y, (X, K), given_.grad_output)
    operands = given_.by_role()
    for name, value in {"Y": Y.detach(), "dX": dX, "dK": dK}.items():
        torch.testing.assert_close(CONV2D.first(name, operands, geometry), value, rtol=0, atol=0)
    assert Geometry.parse(str(geometry)) == geometry


@settings(max_examples=20)
@given(cases())
def test_the_oracle_is_the_definition(case: tuple[Geometry, Operands]) -> None:
    geometry, given_ = case
    Y = definition.conv2d(given_.input, given_.weight, geometry, [*given_.bias])
    values = torch.tensor([float(y) for y in Y.flat], dtype=torch.float64).reshape(Y.shape)
    assert torch.equal(CONV2D.first("Y", given_.by_role(), geometry), values)


@given(st.sampled_from(OTHERS), st.integers(1, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_border_is_what_the_definition_says(mode: Mode, size: int, first: int, last: int) -> None:
    most = most_padding(size, mode)
    before, after = (side if most is None else min(side, most) for side in (first, last))
    places = [inside(place, size, mode) for place in range(-before, size + after)]
    image = torch.arange(1.0, size + 1)[None]
    padding = ((0, 0), (before, after))
    assert borders.padded(image, padding, mode)[0].tolist() == [
        p + 1 for p in places if p is not None
    ]
    # The adjoint: ⟨pad(x), y⟩ = ⟨x, fold(y)⟩ for every x, which is that each copy is added once.
    folded = borders.folded(torch.ones(1, before + size + after), padding, mode)[0]
    assert folded.tolist() == [places.count(place) for place in range(size)]
    assert max(folded) <= most_copies(size, (before, after), mode)
    assert least_size((before, after), mode) <= size


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("h3 w3 k1 p3 reflect", "padding of mode 'reflect' must be at most 2 for an input of 3"),
        ("h3 w3 k1 p0x4 circular", "must be at most 3 for an input of 3, got 4"),
    ],
)
def test_more_padding_than_a_mode_has_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Geometry.parse(text)


def test_without_padding_there_is_no_mode() -> None:
    assert Geometry.parse("h3 w3 k1 reflect") == Geometry.parse("h3 w3 k1")
    wrong: Any = "mirror"
    with pytest.raises(ValueError, match=f"one of {', '.join(MODES)}, got 'mirror'"):
        Geometry(
            input_size=(3, 3), kernel_size=(1, 1), padding=((1, 1), (1, 1)), padding_mode=wrong
        )
