"""One image (C, H, W): its answer is that of a batch of one, where it is taken at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor
from torch.nn.functional import conv2d, pad, unfold
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification import verify
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.model.result import Verdict

OWN = "float32 h4 w5 k2x3"


@pytest.mark.parametrize(
    "implementation",
    [conv2d, torch.nn.Conv2d, torch.nn.functional.conv_transpose2d, torch.nn.ConvTranspose2d],
)
def test_one_image_is_answered_as_a_batch_of_one(implementation: Any) -> None:
    assert exact_everywhere(implementation, "unbatched", count=4) > 0


def test_an_image_whose_channels_are_taken_for_its_batch_is_wrong() -> None:
    found = failures(FAULTS["unbatched_image"].function, "unbatched float32 n3 c2 h4 w4 k2")
    assert {quantity for _, quantity in found} == {"Y", "dX", "dK"}
    assert found["unbatched", "Y"].startswith("an image without a batch: ")


def test_who_takes_batches_alone_is_asked_for_no_image() -> None:
    def batches(input: Tensor, weight: Tensor) -> Tensor:
        _, _, _, _ = input.shape
        return conv2d(input, weight)

    (judgement,) = judged(batches, f"unbatched {OWN}")
    assert judgement.verdict == Verdict.UNSUPPORTED


def test_an_image_that_is_not_taken_with_groups_is_not_said_to_be_taken_never() -> None:
    def plain(input: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        if input.dim() == 3:
            return conv2d(input[None], weight)[0]
        return conv2d(input, weight, groups=groups)

    def batches(input: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        _, _, _, _ = input.shape
        return conv2d(input, weight, groups=groups)

    case = "unbatched float32 n2 c4 h4 w5 o4 k2 g2"
    (judgement,) = judged(plain, case)
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation == "an image without a batch is not taken with groups"
    (judgement,) = judged(batches, case)
    assert judgement.explanation == "an image without a batch is not taken"


def test_an_image_that_is_answered_with_a_batch_is_not_judged() -> None:
    def restores(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input.reshape(-1, *input.shape[-3:]), weight)

    (judgement,) = judged(restores, f"unbatched {OWN}")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation.endswith("is answered in 4 dimensions")


def test_an_image_in_three_groups_that_is_padded_wrongly_is_of_a_wrong_shape() -> None:
    """Of two channels, as which one is tried once more, there are no three groups."""

    def swapped(input: Tensor, weight: Tensor, padding: Any = 0, groups: int = 1) -> Tensor:
        return conv2d(input, weight, padding=padding[::-1], groups=groups)

    found = failures(swapped, "unbatched float32 c3 h4 w5 o3 k1 p1x0 g3")
    said = "an image without a batch: should be of shape (3, 6, 5), is of shape (3, 4, 7)"
    assert found == {("unbatched", "Y"): said}


def test_an_image_that_loses_its_sizes_of_one_is_of_a_wrong_shape() -> None:
    found = failures(_squeezed, "unbatched float32 n2 c2 h4 w3 o3 k2x3")
    said = "an image without a batch: should be of shape (3, 3, 1), is of shape (3, 3): "
    said += "its sizes of 1 are gone with the batch, as by squeeze()"
    assert found == {("unbatched", "Y"): said}
    assert not failures(_squeezed, "unbatched float32 n2 c2 h4 w4 o3 k2x3")


def test_who_takes_no_images_may_read_one_channel_for_a_batch() -> None:
    """What a target is called for is not told by the sizes: with two channels it raises."""

    def unfolded(input: Tensor, weight: Tensor) -> Tensor:
        columns = unfold(input, weight.shape[2:]).view(len(input), weight[0].numel(), -1)
        Y = weight.flatten(1) @ columns
        height = input.shape[2] - weight.shape[2] + 1
        return Y.view(len(input), len(weight), height, -1)

    (judgement,) = judged(unfolded, "unbatched float32 n2 c1 h2 w3 o1 k2")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation.endswith("an image without a batch is not taken")
    squeezed = "unbatched float32 n2 c1 h4 w3 o3 k2x3"  # who takes images is wrong for one, too
    assert failures(_squeezed, squeezed)


def _squeezed(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    return Y if input.dim() == 4 else Y.squeeze()


def test_an_image_that_is_answered_as_an_image_of_other_sizes_is_wrong() -> None:
    """It was said to be unsupported, though a batch is answered in the same wrong shape."""

    def swapped(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        ph, pw = padding
        return conv2d(pad(input, (ph, ph, pw, pw)), weight)

    found = failures(swapped, "unbatched float32 n2 c2 h4 w5 o3 k2 p1x0")
    said = "an image without a batch: should be of shape (3, 5, 4), is of shape (3, 3, 6)"
    assert found == {("unbatched", "Y"): said}
    turned = failures(swapped, "unbatched float32 n2 c2 h1 w1 o3 k1 p0x1")  # as many elements
    said = "an image without a batch: should be of shape (3, 1, 3), is of shape (3, 3, 1)"
    assert turned == {("unbatched", "Y"): said}


def test_an_image_that_means_something_else_is_not_judged() -> None:
    def last(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        return Y if input.dim() == 4 else Y.movedim(0, -1)

    (judgement,) = judged(last, "unbatched float32 n2 c2 h4 w5 o3 k2")
    assert judgement.verdict == Verdict.UNSUPPORTED


def test_a_backward_pass_that_raises_on_one_image_is_a_note() -> None:
    class Batches(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
            ctx.save_for_backward(X, K)
            return conv2d(X, K)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
            X, K = ctx.saved_tensors
            _, _, _, _ = X.shape
            return conv2d_input(X.shape, K, *grad_outputs), conv2d_weight(X, K.shape, *grad_outputs)

    def batches(input: Tensor, weight: Tensor) -> Tensor:
        return Batches.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # torch gives `apply` no types

    raised, Y = judged(batches, f"unbatched {OWN}")
    assert raised.observed.endswith("is answered, but its backward pass raises")
    assert (Y.quantity, Y.verdict) == ("Y", Verdict.EXACT)


def test_who_does_not_take_what_nobody_promised_refuses_nothing() -> None:
    def batches(input: Tensor, weight: Tensor) -> Tensor:
        _, _, _, _ = input.shape
        return conv2d(input, weight)

    report = verify(batches, dtypes="float64", checks=["unbatched", "shapes"], budget=1, seed=1)
    (row,) = (check for check in report.checks if check.name == "unbatched")

    assert row.optional
    assert row.unsupported
    assert "unsupported" not in str(report).splitlines()[0]
    cases = f"{row.unsupported} case{'s' if row.unsupported > 1 else ''}"
    assert f"unbatched ({cases}): an image without a batch is not taken" in str(report)


def test_an_image_whose_answer_cannot_be_changed_in_place_is_observed() -> None:
    def unbound(input: Tensor, weight: Tensor) -> Tensor:
        if input.dim() == 4:
            return 1 * conv2d(input, weight)
        Y: Tensor
        (Y,) = conv2d(input[None], weight)
        return Y

    judgements = judged(unbound, "unbatched float32 n2 c2 h5 w6 o3 k3x2 nobias")
    assert all(judgement.is_exact for judgement in judgements)
    said = "Y of a batch can be changed in place, as relu_ does, and Y of an image without a batch "
    assert any(judgement.observation.startswith(said) for judgement in judgements)
