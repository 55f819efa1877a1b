"""Whether a target answers the same from call to call: what changes has no formula."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

CHANGES = "Perhaps the answer depends on what was called before, or on chance."
_CALLS = 20
_SECONDS = 1.0  # after which no further call is made


def unsteady(trial: Trial, quantity: str) -> str:
    """What is to be said of an answer that changes, or is right when asked again.

    Args:
        trial: on which the quantity was wrong.
        quantity: Y, dX, dK or db.

    Returns:
        Empty where each call gives the same wrong answer.

    Raises:
        TargetRaised: when it throws.
    """
    expected = trial.expect(only=(quantity,))[quantity].value
    answers: list[Tensor] = []
    begun = time.monotonic()
    while len(answers) < _CALLS and (len(answers) < 2 or time.monotonic() - begun < _SECONDS):
        found = observe(trial.call()).get(quantity)
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            return ""
        answers.append(found.detach().to("cpu", torch.float64))
    wrong = sum(not torch.equal(answer, expected) for answer in answers)
    calls = f"{len(answers)} calls on these very operands"
    if wrong == 0:
        return f"right when it is asked again, in each of {calls}"
    if wrong < len(answers):
        return f"not the same at each call: wrong in {wrong} of {calls}"
    first = answers[0]
    same = all(torch.equal(first.nan_to_num(), answer.nan_to_num()) for answer in answers)
    return "" if same else f"not the same at each call: wrong in each of {calls}, in another way"
