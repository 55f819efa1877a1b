from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact
from conv_reference.strategies import geometries
from conv_reference.verification.model.case import DTYPES, Case, Layout, Values
from conv_reference.verification.plan.possible import dense, nearest
from conv_reference.verification.target.conventions import as_target

TARGET = as_target(torch.nn.functional.conv2d)


def unstrided(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.conv2d(input, weight)


NARROW = as_target(unstrided)


@settings(max_examples=50)
@given(geometries(), st.sampled_from([*DTYPES.values()]), st.sampled_from(Layout))
def test_the_nearest_case_can_be_asked_for_and_is_exact(
    geometry: Geometry, dtype: torch.dtype, layout: Layout
) -> None:
    case = Case(check="certificate", geometry=geometry, dtype=dtype, grad_output_layout=layout)
    for target in (TARGET, NARROW):
        found = nearest(target, case)
        assert target.restrict(found) == found
        assert nearest(target, found) == found
        dense_fits = can_be_exact(found.geometry, dtype)
        assert (found.values == Values.SPARSE) == (not dense_fits)
        assert (dense(target, case) is not None) == dense_fits


def test_sparse_operands_do_not_repeat_themselves() -> None:
    case = Case.parse("certificate bfloat16 n9 h6 w6 k1 X=expanded K=sliced G=expanded")
    found = nearest(TARGET, case)
    assert found.layout == "weight=sliced"
    assert found.values == Values.SPARSE
