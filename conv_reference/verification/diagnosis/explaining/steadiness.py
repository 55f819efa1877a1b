"""Whether a target answers the same from call to call: what changes has no formula."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

CHANGES = "Perhaps the answer depends on what was called before, or on chance."
_CALLS = 20
_SECONDS = 1.0  # after which no further call is made


@dataclass(frozen=True)
class Changes:
    """How an answer changes from call to call."""

    said: str
    always_wrong: bool = False  # in one way or another; sums in another order may do that


def unsteady(trial: Trial, quantity: str) -> Changes | None:
    """How the answer changes from call to call, or that it is right in another one.

    Args:
        trial: on which the quantity was wrong.
        quantity: Y, dX, dK or db.

    Returns:
        None where each call gives the same wrong answer.

    Raises:
        TargetRaised: when it throws.
    """
    expected = trial.expect(only=(quantity,))[quantity].value
    answers: list[Tensor] = []
    begun = time.monotonic()
    while len(answers) < _CALLS and (len(answers) < 2 or time.monotonic() - begun < _SECONDS):
        found = observe(trial.call()).get(quantity)
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            return None
        answers.append(found.detach().to("cpu", torch.float64))
    wrong = sum(not torch.equal(answer, expected) for answer in answers)
    calls = f"{len(answers)} calls on these very operands"
    if wrong == 0:
        return Changes(f"right when it is asked again, in each of {calls}")
    if wrong < len(answers):
        return Changes(f"not the same at each call: wrong in {wrong} of {calls}")
    first = answers[0]
    same = all(torch.equal(first.nan_to_num(), answer.nan_to_num()) for answer in answers)
    said = f"not the same at each call: wrong in each of {calls}, in another way"
    return None if same else Changes(said, always_wrong=True)
