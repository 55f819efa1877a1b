from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact
from conv_reference.strategies import geometries
from conv_reference.verification.model.case import DTYPES, Case, Layout, Values
from conv_reference.verification.plan import possible
from conv_reference.verification.plan.possible import (
    as_possible,
    dense,
    in_reach,
    is_possible,
    is_telling,
)
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target

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
        found = as_possible(target, case)
        assert target.restrict(found) == found
        assert as_possible(target, found) == found
        dense_fits = can_be_exact(found.geometry, dtype)
        assert (found.values == Values.SPARSE) == (not dense_fits)
        assert (dense(target, case) is not None) == dense_fits


def test_sparse_operands_do_not_repeat_themselves() -> None:
    case = Case.parse("certificate bfloat16 n9 h6 w6 k1 X=expanded K=sliced G=expanded")
    found = as_possible(TARGET, case)
    assert found.layout == "weight=sliced"
    assert found.values == Values.SPARSE


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("certificate float32 h3 w3 k2", True),
        ("certificate float32 h3 w3 k2 s2", False),  # the target has no stride
        ("certificate float32 h4 w4 k2 p1:0x1", False),
        ("certificate float32 h3 w3 k2 values=counting", True),
        ("certificate bfloat16 n9 h30 w30 k1 values=counting", False),  # not exact there
        ("certificate bfloat16 n9 h30 w30 k1 values=sparse", True),
        ("certificate bfloat16 n9 h30 w30 k1", False),
        ("degenerate float32 h3 w3 k2", False),  # the check has sizes of its own
    ],
)
def test_a_failure_proves_a_fault_where_the_target_can_be_asked_by_exact_values(
    text: str, *, telling: bool
) -> None:
    assert is_telling(NARROW, Case.parse(f"{text} grad=XK nobias"), seed=1) == telling


def test_a_case_is_possible_where_it_is_in_reach_as_it_is() -> None:
    case = Case.parse("certificate float32 h5 w5 k2 s2 grad=XK nobias")

    assert is_possible(TARGET, case)
    assert not is_possible(NARROW, case)
    assert in_reach(NARROW, case).geometry.stride == (1, 1)


def test_no_kernel_is_made_a_batch_and_what_stands_for_one_has_no_row_by_a_step() -> None:
    case = Case.parse("certificate float64 n2 c2 h3 w4 o2 k2 K=image G=channels_last_rows")
    of_weight = as_target(torch.nn.grad.conv2d_weight)
    found = [as_possible(target, case) for target in (TARGET, of_weight)]
    last, rows = Layout.CHANNELS_LAST, Layout.CHANNELS_LAST_ROWS
    assert [each.weight_layout for each in found] == [last, last]
    assert [each.grad_output_layout for each in found] == [rows, last]


def test_what_a_word_alone_asks_for_is_moved_to_a_padding_alike_on_both_sides() -> None:
    case = Case.parse("certificate float64 n1 c1 h9 w15 o1 k2x4 s1 p1:2x0 d3x1 grad=XK nobias")
    assert in_reach(TARGET, case).geometry.padding == ((2, 2), (0, 0))

    def same(input: torch.Tensor, weight: torch.Tensor, padding: str = "same") -> torch.Tensor:
        return torch.nn.functional.conv2d(input, weight, padding=padding)

    pads_so = in_reach(as_target(same), case)
    assert is_telling(as_target(same), pads_so, seed=1)


def test_a_framework_that_pads_each_side_is_asked_for_that_again() -> None:
    case = Case.parse("certificate float64 n1 c1 h9 w9 o1 k2 s1 p1:2x0 d1 g1 grad= nobias")
    target = load_target("conv_reference.adapters.numpy:Numpy")
    assert in_reach(target, case) == case
    assert is_telling(target, case, seed=1)


def test_nothing_above_a_trials_checks_restricts_a_case_by_itself() -> None:
    root = Path(possible.__file__).parents[1]
    below = {root / room for room in ("target", "trial", "checks")}
    others = [f for f in root.rglob("*.py") if below.isdisjoint(f.parents)]
    restricting = [f.name for f in others if ".restrict" in f.read_text(encoding="utf-8")]

    assert {*restricting} == {"possible.py", "held.py"}  # which counts what was put, and puts none
