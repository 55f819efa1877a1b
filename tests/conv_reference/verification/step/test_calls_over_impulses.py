from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, largest_exact_integer
from conv_reference.strategies import geometries
from conv_reference.verification.step.calls_over_impulses import impulses
from conv_reference.verification.step.dispatched import Face, Form
from conv_reference.verification.step.places import elements


def products(geometry: Geometry, face: Face, place: tuple[int, ...], of: Operands) -> torch.Tensor:
    """How many products stand behind each element at a place."""
    ones = {role: tensor.ne(0).double() for role, tensor in of.by_role().items()}
    form = Form(geometry, ones["weight"], ones["input"], ones["grad_output"])
    return elements(form, face, place)


@given(geometries(), st.sampled_from(Face), st.data())
def test_each_element_at_the_place_is_one_product_or_none(
    geometry: Geometry, face: Face, data: st.DataObject
) -> None:
    sizes = {
        Face.OUTPUT: geometry.output_size,
        Face.INPUT: geometry.input_size,
        Face.WEIGHT: geometry.kernel_size,
    }.get(face, ())
    place = tuple(data.draw(st.integers(0, size - 1)) for size in sizes)
    drawn = impulses(geometry, face, place, torch.float32, torch.Generator().manual_seed(0))
    everywhere = Operands(
        torch.ones(geometry.input_shape),
        torch.ones(geometry.weight_shape),
        torch.ones(geometry.out_channels),
        torch.ones(geometry.output_shape),
    )
    if drawn is None:
        assert not products(geometry, face, place, everywhere).any()
        return
    found = products(geometry, face, place, drawn)
    assert found.max() <= 1
    assert found.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_integers_are_held_by_the_dtype(dtype: torch.dtype) -> None:
    geometry = Geometry.parse("n2 c2 h4 w4 o3 k2")
    drawn = impulses(geometry, Face.OUTPUT, (1, 1), dtype, torch.Generator().manual_seed(0))
    assert drawn is not None
    assert torch.equal(drawn.weight, drawn.weight.round())
    assert drawn.weight.ne(0).all()
    assert drawn.weight.abs().max() <= largest_exact_integer(dtype) // 2
    assert drawn.weight.dtype == dtype
    assert drawn.input.sum() == 2  # a one of each sample


def test_of_an_empty_batch_there_are_none() -> None:
    geometry = Geometry.parse("n0 c2 h4 w4 o3 k2")
    generator = torch.Generator().manual_seed(0)
    assert impulses(geometry, Face.WEIGHT, (1, 1), torch.float32, generator) is None
