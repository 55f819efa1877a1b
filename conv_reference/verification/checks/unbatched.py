"""One image without a batch: (C, H, W), where it is taken at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.verification.checks._arguments import answered_before
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import message_of
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import against_oracle, not_judged, observed
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.raised import raised_in_mode
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code

_DIMENSIONS = 3  # of an image without a batch
_NOT_TAKEN = "an image without a batch is not taken"


def _no_batch(target: Target) -> str | None:
    if target.is_line or target.single_sample or not target.has_channels:
        return "its arguments have no batch to leave out, or one axis"
    return (
        "its arguments are converted for it, which takes images with a batch"
        if target.has_glue
        else None
    )


@check(
    Row(
        "unbatched",
        "One image (C, H, W), where it is taken, has the answer of a batch of one.",
        "It is given a batch, or not, in lines of its own, forward and backward.",
        "the channels of an image taken for a batch",
        follows=("certificate",),
        optional=True,
    ),
    traits=Traits(sample=Sample.FEW, cannot=_no_batch),
)
def unbatched(trial: Trial) -> Iterator[Judgement]:
    """Forward and backward on the first image of the case alone, (C, H, W) to (O, H', W')."""
    one = replace(trial.case, geometry=replace(trial.case.geometry, batch=1))
    if not trial.target.can_be_exact(one.geometry, one.dtype):
        return
    trial = replace(trial, case=one)
    call = trial.call()
    X = call.X.detach()[0].requires_grad_(call.X.requires_grad)
    try:
        found = observe(replace(call, X=X, G=call.G[0]))
    except TargetRaised as raised:  # the contract requires batches alone
        if raised.quantity == "Y":
            yield raised_in_mode("unbatched", trial, raised, _untaken(trial))
            return
        yield answered_before("unbatched", "of an image without a batch", raised)
        found = {**raised.observed}
    Y = found["Y"]
    if isinstance(Y, Tensor) and Y.shape != call.G.shape[1:]:
        yield replace(_of_another_shape(trial, Y, call.G.shape), case=one)
        return
    batched = {
        name: value[None] if name in {"Y", "dX"} and isinstance(value, Tensor) else value
        for name, value in found.items()
    }
    judged = [*against_oracle(trial, "unbatched", batched, "an image without a batch")]
    yield from (replace(judgement, case=one) for judgement in judged)
    yield from _of_its_own_shape(trial)
    if call.leaves.keys() <= found.keys() and all(judgement.is_exact for judgement in judged):
        yield from _changed_in_place(trial)


def _changed_in_place(trial: Trial) -> Iterator[Judgement]:
    """An activation in place follows an image as it does a batch."""
    call = trial.call()
    with target_code("Y"):
        batch, image = call.forward(), replace(call, X=call.X[0]).forward()
    with suppress(RuntimeError):
        batch.mul_(2)
        try:
            image.mul_(2)
        except RuntimeError as error:
            said = "Y of a batch can be changed in place, as relu_ does, and Y of an image without "
            said += f"a batch cannot: {message_of(error).split('. ')[0].rstrip('.')}"
            yield observed("unbatched", "Y", said)


def _untaken(trial: Trial) -> str:
    """That no image is taken, or that one is without this case's groups."""
    of_all = replace(trial.case.geometry, groups=1)
    together = replace(trial, case=trial.case.on(of_all))
    if of_all == trial.case.geometry or not trial.target.can_be_asked(of_all):
        return _NOT_TAKEN
    call = together.call(requires_grad="")
    try:
        with target_code("Y"):
            replace(call, X=call.X[0]).forward()
    except TargetRaised:
        return _NOT_TAKEN
    return "an image without a batch is not taken with groups"


def _of_its_own_shape(trial: Trial) -> Iterator[Judgement]:
    """The image still has no batch after the call, which may give it one in place."""
    call = trial.call(requires_grad="")
    image = call.X[0]
    shape = tuple(image.shape)
    with target_code("Y"):
        replace(call, X=image).forward()
    if image.shape != shape:
        after = tuple(image.shape)
        said = f"an image without a batch was of shape {shape}, is of {after} after the call"
        changed = whole("unbatched", "X", f"{shape}", f"{after}", said)
        yield replace(changed, case=trial.case)


def _of_another_shape(trial: Trial, Y: Tensor, batched: torch.Size) -> Judgement:
    """Wrong where it is an image of other sizes, or Y is right but for its shape.

    Else a tensor (C, H, W) has another meaning here.

    Args:
        trial: of one sample.
        Y: as it was answered, not in the shape (O, H', W').
        batched: the shape (1, O, H', W'): a batch of one is what some return for an image.
    """
    shape, wanted = tuple(Y.shape), tuple(batched[1:])
    said = f"an image without a batch is answered in {Y.dim()} dimensions"
    channels_last = *wanted[1:], wanted[0]
    means_another = Y.dim() != _DIMENSIONS or shape == channels_last
    if means_another and Y.shape != batched and Y.numel() == batched.numel():
        (found,) = against_oracle(trial, "unbatched", {"Y": Y.detach().reshape(batched)}, said)
        means_another = found.verdict == Verdict.WRONG
    if means_another:
        return not_judged("unbatched", said)
    if not _is_taken_with_two_channels(trial):
        return not_judged("unbatched", _NOT_TAKEN)
    explanation = f"an image without a batch: should be of shape {wanted}, is of shape {shape}"
    if 1 in wanted and shape == tuple(size for size in wanted if size != 1):
        explanation += ": its sizes of 1 are gone with the batch, as by squeeze()"
    return whole("unbatched", "Y", f"of shape {wanted}", f"of shape {shape}", explanation)


def _is_taken_with_two_channels(trial: Trial) -> bool:
    """Whether an image of two channels is answered as well; True where there is no such case.

    The one channel of (1, H, W) may be taken for a batch of one, or the image for columns, by who
    takes no images at all; with two that raises.
    """
    if trial.case.geometry.in_channels > 1:  # of which there may be as many groups
        return True
    two = trial.target.restrict_geometry(replace(trial.case.geometry, in_channels=2))
    if two.in_channels != 2:
        return True
    call = replace(trial, case=replace(trial.case, geometry=two)).call(requires_grad="")
    try:
        with target_code("Y"):
            Y = replace(call, X=call.X[0]).forward()
    except TargetRaised:
        return False
    return isinstance(Y, Tensor) and (Y.dim() == _DIMENSIONS or Y.numel() == call.G.numel())
