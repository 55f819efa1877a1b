from __future__ import annotations

from typing import Any

import careless
import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.result import Verdict

SIZES = "float32 n2 c2 h4 w5 o3 k3x2 p1 s2"


@pytest.mark.parametrize(
    "implementation", [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, ConvLayer_1]
)
@pytest.mark.parametrize(
    "check", ["memory", "two_backwards", "saved_tensors", "updated_arguments", "released_memory"]
)
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=3) > 0


@pytest.mark.parametrize(
    "letters", ["X=expanded", "K=expanded", "G=expanded", "X=sliced K=strided"]
)
@pytest.mark.parametrize("check", ["memory", "saved_tensors", "updated_arguments"])
def test_layouts_raise_no_alarm(check: str, letters: str) -> None:
    assert not failures(torch.nn.functional.conv2d, f"{check} {SIZES} {letters}")


@pytest.mark.parametrize(
    ("implementation", "check", "row", "quantity"),
    [
        (careless.scales_and_restores, "memory", "untouched_arguments", "K"),
        (careless.Accumulates, "two_backwards", "two_backwards", "dK"),
        (careless.Unsaved, "saved_tensors", "saved_tensors", "dK"),
        (careless.Unsaved, "saved_tensors", "saved_tensors", "dX"),
        (careless.PackedOnce, "updated_arguments", "updated_arguments", "Y"),
        (careless.PackedByVersion, "updated_arguments", "updated_arguments", "Y"),
        (careless.holds_its_input, "released_memory", "released_memory", "X"),
    ],
)
def test_carelessness_is_found(implementation: Any, check: str, row: str, quantity: str) -> None:
    assert (row, quantity) in failures(implementation, f"{check} {SIZES}")


def test_a_result_that_is_an_argument_is_found() -> None:
    found = failures(careless.identity_for_ones, "memory float32 n2 h2 w3 k1 values=ones")

    assert found["output_memory", "Y"] == (
        "should be in memory of its own, is shared with the argument X"
    )


def test_memory_needs_no_room_for_sums_over_all_positions() -> None:
    assert not failures(functional.conv2d, "memory bfloat16 n4 c12 h7 w11 o12 k4 s2 p0x1 d1x3 g2")


def by_samples(input: Tensor, weight: Tensor) -> Tensor:
    """Torch saves views of the input, and refuses the change in other words."""
    return torch.cat([torch.nn.functional.conv2d(sample, weight) for sample in input.split(1)])


def test_a_change_of_what_views_were_saved_of_is_refused_too() -> None:
    assert all(judgement.is_exact for judgement in judged(by_samples, f"saved_tensors {SIZES}"))


def test_saved_copies_are_right() -> None:
    judgements = judged(careless.Copied, f"saved_tensors {SIZES}")

    assert {judgement.verdict for judgement in judgements} == {Verdict.EXACT}
    assert len(judgements) == 4  # dX and dK, after each of two changes


def test_a_refusal_is_told_from_another_error() -> None:
    class Broken(careless.Copied):
        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            raise RuntimeError("out of luck")

    (judgement,) = judged(Broken, f"saved_tensors {SIZES}")

    assert judgement.verdict == Verdict.RAISED
    assert "out of luck" in judgement.explanation


def test_the_explanation_says_which_change_was_not_seen() -> None:
    found = failures(careless.PackedOnce, f"updated_arguments {SIZES}")

    assert found["updated_arguments", "Y"].startswith("K changed in place is seen by the next call")


@pytest.mark.parametrize(
    ("implementation", "row"),
    [
        (careless.static_output_without_gradients, "kept_results"),
        (careless.identity_hands_on, "output_memory"),
    ],
)
def test_borrowed_memory_in_a_special_case_is_found(implementation: Any, row: str) -> None:
    assert (row, "Y") in failures(implementation, "memory float32 n2 c2 h4 w5 o3 k3x2 nobias")
