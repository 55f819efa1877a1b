"""Single products distinguish rounding from chopping."""

from __future__ import annotations

from typing import Any

import faulty
import fewer_bits
import pytest
import torch
from judging import failures, judged
from torch.nn.functional import conv2d

from conv_reference.verification.execution import Settings
from conv_reference.verification.faults import direct
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.products import flaws

SIZES = "n2 c6 h8 w7 o6 k3x2 p1 g2"


def flawed(implementation: Any, dtype: str, changes: str = "") -> dict[str, str]:
    case = Case.parse(f"precision {dtype} {SIZES} values={Values.REAL} {changes}")
    trial = Settings(3, "cpu").trial(as_target(implementation), case)
    return {flaw.quantity: flaw.said for flaw in flaws(trial)}


def test_chopping_errs_towards_zero_by_half_a_unit_in_the_mean() -> None:
    found = flawed(fewer_bits.chopped_bfloat16, "bfloat16")
    assert {*found} == {"Y", "dX", "dK"}
    assert "single products err towards zero, by 0.5" in found["Y"]
    assert found["Y"].endswith("deviations: not rounded to nearest")


def test_fewer_bits_err_by_many_units() -> None:
    assert "units in the last place off" in flawed(fewer_bits.keeping(18), "float32")["dK"]


def test_only_what_is_asked_for_is_looked_at() -> None:
    assert {*flawed(fewer_bits.chopped_bfloat16, "bfloat16", "grad=K")} == {"Y", "dK"}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "implementation", [direct.conv2d, conv2d, faulty.detour], ids=["direct", "torch", "detour"]
)
def test_rounding_to_nearest_has_no_flaw(implementation: Any, dtype: str) -> None:
    assert not flawed(implementation, dtype)


def test_a_chopped_pass_is_wrong_and_a_transform_is_not_held_to_single_products() -> None:
    found = failures(fewer_bits.chopped_bfloat16, f"precision bfloat16 {SIZES}")
    assert {row for row, _ in found} == {
        "precision_forward",
        "precision_grad_input",
        "precision_grad_weight",
    }
    seen = judged(right.fft, f"precision float32 {SIZES}")
    assert not [judgement for judgement in seen if judgement.verdict in FAILURES]


def test_two_numbers_times_many_have_a_mean_of_their_own_and_are_rounded_right() -> None:
    """Two channels of K, and so two numbers: 600 products of torch's were 11 deviations off."""
    settings = Settings(5, "cpu")
    text = "precision_long_sums bfloat16 n2 c300 h3 w4 o2 k1 values=real grad=X nobias"
    trial = settings.trial(as_target(torch.nn.grad.conv2d_weight), Case.parse(text))
    assert not [*flaws(trial)]
