"""An argument that is written to before it is multiplied, which explains a wrong answer."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.quantities import LETTERS, QUANTITIES
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

_WORDS = (
    "is written to before it is multiplied: of what it holds after the call, this is the answer"
)


def overwritten(trial: Trial, quantity: str, value: Tensor) -> str:
    """Which argument is written to, where that explains the answer; empty where none does.

    Args:
        trial: the question.
        quantity: Y, dX, dK or db.
        value: what was answered.
    """
    try:
        call = trial.call()
        observe(call)
    except TargetRaised:
        return ""
    held = _held(trial, call)
    changed = [role for role in QUANTITIES[quantity].factors if role in held]
    if not changed:
        return ""
    operands = replace(trial.operands, **{role: held[role] for role in changed})
    wanted = trial.expect(operands, only=(quantity,)).get(quantity)
    if wanted is None or not torch.equal(wanted.value, value):
        return ""
    return written_to(*(LETTERS[role] for role in changed))


def written_to(*letters: str) -> str:
    """That these arguments are, as a guess has it."""
    return f"{' and '.join(letters)} {_WORDS}"


def _held(trial: Trial, call: Call) -> dict[str, Tensor]:
    """What X and K hold now, by their roles, where that is something else."""
    private = trial.operands.by_role()
    found = {}
    for role, given in (("input", call.X), ("weight", call.K)):
        before = private[role]
        if given.numel() == before.numel():
            after = given.detach().to("cpu", before.dtype).reshape(before.shape)
            if not torch.equal(after, before):
                found[role] = after
    return found
