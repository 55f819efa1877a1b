from __future__ import annotations

import torch
from hypothesis import given, settings

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.diagnosis.explaining.readout import Index, Terms, factors
from conv_reference.verification.diagnosis.explaining.symbolic import (
    can_derive,
    derived_terms,
    participation,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

SMALL = geometries(max_batch=2, max_groups=2, max_group_channels=2, max_output=2, max_kernel=2)


def evaluated(terms: Terms, trial: Trial, quantity: str) -> float:
    first, second = factors(quantity)
    o, value = trial.operands, 0.0
    for (a, b), coefficient in terms.items():
        if second and not b:
            value += coefficient * float(o.bias[a])
        else:
            factor = float(getattr(o, second)[b]) if second else 1.0
            value += coefficient * float(getattr(o, first)[a]) * factor
    return value


@settings(max_examples=15)
@given(SMALL)
def test_the_derived_terms_are_the_oracles_elements(geometry: Geometry) -> None:
    case = Case(check="certificate", geometry=geometry, dtype=torch.float64)
    trial = Trial(as_target(torch.nn.functional.conv2d), case, 0, torch.device("cpu"))
    for quantity, expected in trial.expect().items():
        for place in {0, expected.value.numel() // 2, expected.value.numel() - 1}:
            index: Index = tuple(
                int(i) for i in torch.unravel_index(torch.tensor(place), expected.value.shape)
            )
            terms = derived_terms(geometry, quantity, index, bias=True)
            assert evaluated(terms, trial, quantity) == float(expected.value[index])


def test_a_bias_is_a_term_where_there_is_one() -> None:
    geometry = Geometry.parse("h1 w2 o2 k1x2")
    products: Terms = {
        ((1, 0, 0, 0), (0, 0, 0, 0)): 1.0,
        ((1, 0, 0, 1), (0, 0, 0, 1)): 1.0,
    }
    index = (0, 1, 0, 0)
    assert derived_terms(geometry, "Y", index, bias=False) == products
    assert derived_terms(geometry, "Y", index, bias=True) == products | {((1,), ()): 1.0}


def test_a_pixel_that_no_window_reads_has_no_terms() -> None:
    geometry = Geometry.parse("h1 w3 k1 s2")
    assert derived_terms(geometry, "dX", (0, 0, 0, 1), bias=False) == {}
    assert [participation(geometry, (0, 0, 0, v)) for v in range(3)] == [1, 0, 1]


def test_a_pixel_takes_part_in_as_many_outputs_as_windows_read_it() -> None:
    geometry = Geometry.parse("h3 w3 k2")
    counts = [[participation(geometry, (0, 0, u, v)) for v in range(3)] for u in range(3)]
    assert counts == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_only_what_is_small_and_not_empty_is_derived() -> None:
    assert can_derive(Geometry.parse("n2 c4 h8 w8 o4 k3"))
    assert not can_derive(Geometry.parse("n2 c16 h32 w32 o16 k3"))
    assert not can_derive(Geometry.parse("n0 h2 w2 k1"))
