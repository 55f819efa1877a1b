from __future__ import annotations

from typing import Any

import dishonest
import pytest
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.case import Values
from conv_reference.verification.model.result import Verdict

SIZES = "float64 n2 c2 h4 w5 o3 k3x2 p1"


@pytest.mark.parametrize(
    ("implementation", "check", "failure"),
    [
        pytest.param(dishonest.zeros, "certificate", ("forward", "Y"), id="zeros"),
        pytest.param(dishonest.nans, "certificate", ("forward", "Y"), id="NaN"),
        pytest.param(
            dishonest.RemembersByShape(), "fresh_values", ("fresh_values", "Y"), id="first answers"
        ),
        pytest.param(
            dishonest.RemembersByAddress(),
            "updated_arguments",
            ("updated_arguments", "Y"),
            id="first kernels",
        ),
        pytest.param(
            dishonest.RemembersByAddress(), "fresh_values", ("fresh_values", "Y"), id="first kernel"
        ),
        pytest.param(
            dishonest.RightTenTimes(), "repetition", ("repetition", "Y"), id="right ten times"
        ),
        pytest.param(
            dishonest.EverySeventh(), "repetition", ("repetition", "Y"), id="every seventh"
        ),
        pytest.param(
            dishonest.FilledLater(), "memory", ("kept_results", "Y"), id="filled by the next call"
        ),
        pytest.param(dishonest.OneBuffer(), "memory", ("kept_results", "Y"), id="one buffer"),
        pytest.param(dishonest.OneBuffer(), "memory", ("output_memory", "Y"), id="shared buffer"),
        pytest.param(
            dishonest.reseeds,
            "global_state",
            ("global_state", "torch's random state"),
            id="fixed seed",
        ),
        pytest.param(
            dishonest.edits_its_input, "certificate", ("arguments", "X"), id="edits its input"
        ),
        pytest.param(
            dishonest.edits_its_input, "certificate", ("forward", "Y"), id="zeros made right"
        ),
        pytest.param(
            dishonest.edits_its_input, "memory", ("untouched_arguments", "K"), id="written to"
        ),
    ],
)
def test_it_is_caught(implementation: Any, check: str, failure: tuple[str, str]) -> None:
    assert failure in failures(implementation, f"{check} {SIZES}")


# Where one sum of the case holds hundreds of products, 1 is little beside it.
LONG = "n2 c16 h5 w6 o4 k3x2 p1"
SEEING = {
    "fresh_values": "fresh_values",
    "dirty_memory": "dirty_memory",
    "updated_arguments": "updated_arguments",
    "open_graphs": "open_graphs",
    "without_gradients": "without_gradients",
    "additivity": "additivity",
    "adjointness": "adjointness",
    "batch_independence": "batch_independence",
    "upstream_signs": "upstream_signs",
    "upstream_linear": "upstream_linear",
    "vmap": "vmap",
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("check", SEEING)
def test_one_too_much_in_every_call_is_no_rounding(check: str, dtype: str) -> None:
    implementation = dishonest.off_by_one if check != "vmap" else dishonest.one_more
    found = judged(implementation, f"{check} {dtype} {LONG}")
    rows = {judgement.check: judgement.verdict for judgement in found if not judgement.is_exact}
    assert rows.get(SEEING[check]) == Verdict.WRONG
    assert not any(judgement.verdict == Verdict.ROUNDED for judgement in found)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_one_too_much_breaks_the_adjoint_in_low_precision_too(dtype: str) -> None:
    """Beside the sums of a small case, one too much is within what a transform may err."""
    for case in (
        "n2 c2 h5 w6 o2 k3",
        "n1 c1 h5 w5 o1 k3",
        "n3 c2 h4 w4 o2 k3 p1",
        "n1 c2 h4 w6 k3",
    ):
        for seed in range(4):
            found = judged(dishonest.off_by_one, f"adjointness {dtype} {case}", seed)
            assert not [j for j in found if j.verdict == Verdict.ROUNDED]


def test_what_was_asked_again_says_over_which_numbers() -> None:
    found = judged(dishonest.off_by_one, f"additivity float64 {LONG}")
    wrong = next(judgement for judgement in found if judgement.verdict == Verdict.WRONG)
    assert wrong.explanation.startswith(
        "over 0 and ±1, Y of X + X' should be the sum of Y of each: "
    )
    assert wrong.case is not None
    assert wrong.case.values == Values.SPARSE


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_a_stale_bias_is_no_rounding(dtype: str) -> None:
    found = judged(dishonest.StaleBias(), f"updated_arguments {dtype} n2 c16 h5 w6 o4 k3x2")
    assert Verdict.WRONG in {judgement.verdict for judgement in found}
    assert Verdict.ROUNDED not in {judgement.verdict for judgement in found}


def exchanged(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each channel has the bias of another where X has another scale, or has the negative bit."""
    is_other = input.is_neg() or not 1 <= float(input.detach().abs().max()) < 2**24
    return conv2d(input, weight, bias.flip(0) if is_other and bias is not None else bias)


@pytest.mark.parametrize("check", ["scales", "negative_bit"])
def test_the_bias_of_another_channel_is_no_rounding(check: str) -> None:
    """Of two that are nearly the same it is little beside the sums, and of ±1 it is the same."""
    case = f"{check} float32 n2 c16 h5 w6 o2 k3x2"
    found = [j.verdict for seed in range(12) for j in judged(exchanged, case, seed)]
    assert Verdict.WRONG in found
    assert Verdict.ROUNDED not in found


@pytest.mark.parametrize("check", ["additivity", "upstream_signs", "vmap", "nonfinite"])
def test_what_a_transform_rounds_stays_rounded(check: str) -> None:
    found = judged(right.fft, f"{check} float32 {LONG}")
    assert {judgement.verdict for judgement in found} <= {Verdict.EXACT, Verdict.ROUNDED}


@pytest.mark.parametrize("check", ["certificate", "dirty_memory", "fresh_values"])
@pytest.mark.parametrize("bias", ["", "nobias"])
# Of no other test: a right convolution there would leave its answer in this process's memory.
@pytest.mark.parametrize(
    "sizes", ["float64 n2 c2 h7 w6 o3 k3x2 p1", "float64 n1 c1 h3 w5 o1 k2", "float64 h1 w1 k1"]
)
def test_no_answer_is_left_in_freed_memory(check: str, bias: str, sizes: str) -> None:
    # From the second time on, the judge has just computed every answer.
    for _ in range(4):
        found = failures(dishonest.FreedMemory(), f"{check} {sizes} {bias}")
        wrong = {quantity for _, quantity in found}
        assert {"Y", "dX", "dK"} <= wrong
