"""Zeros in a pattern: what is skipped where there are some is skipped in the gradients, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conv_reference.quantities import LETTERS
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, each_asked

# Operands, each with a dimension of which one slice is zero, and what that slice is.
_SLICES = (
    ("input", 0, "sample"),
    ("input", 1, "channel"),
    ("input", 2, "row"),
    ("weight", 0, "output channel"),
    ("weight", 1, "input channel"),
    ("weight", 3, "column of taps"),
    ("grad_output", 0, "sample"),
    ("grad_output", 1, "channel"),
    ("grad_output", 2, "row"),
)


def _asked(trial: Trial) -> list[tuple[str, int, str]]:
    """All of them; G is in no answer where no gradient is asked for."""
    gradients = bool(trial.case.requires_grad) and not trial.target.forward_only
    return [each for each in _SLICES if gradients or each[0] != "grad_output"]


@check(
    Row(
        "structured_zeros",
        "Where a sample, a channel, a row or a tap is all zero, Y, dX, dK and db are as ever.",
        "A pruned channel has a gradient all the same; who skips it never lets it grow again.",
        "the gradient of a pruned kernel stays zero (a class of faults)",
    ),
    traits=Traits(sample=Sample.SMALL, of_values=True, times=2),
)
def structured_zeros(trial: Trial) -> Iterator[Judgement]:
    """One slice of one operand, all zero; in a brief run another one for each case."""
    plain = replace(trial, case=trial.case.contiguous())
    with each_asked() as one:
        for role, dim, what in trial.some(_asked(trial)):
            tensor = getattr(plain.operands, role).clone()
            if tensor.numel() == 0:
                continue
            tensor.select(dim, tensor.shape[dim] - 1).zero_()
            operands = replace(plain.operands, **{role: tensor})
            only = tensor.shape[dim] == 1
            part = (
                f"{LETTERS[role]}, of one {what},"
                if only
                else f"the last {what} of {LETTERS[role]}"
            )
            said = f"{part} is all zero"
            with one():
                found = observe(plain.call(operands))
                yield from against_oracle(plain, "structured_zeros", found, said, operands=operands)
