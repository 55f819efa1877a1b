"""Whether a wrong gradient is that of the wrong Y: then it follows from it, and is no other fault.

Y is linear in X and in K, so by Euler ⟨G, Y⟩ = ⟨dX, X⟩ = ⟨dK, K⟩ where the gradients are those of
the Y that the target computes, whatever that is; and what the bias adds is ⟨db, b⟩.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.quantities import GRADIENTS, QUANTITIES
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised

_TOLERANCE = 2.0**-40  # relative to the sum of absolute products, in float64


def own_gradients(target: Target, case: Case, settings: Settings) -> frozenset[str]:
    """Those of dX, dK and db that are the gradients of the target's own Y.

    Args:
        target: the implementation.
        case: that requests the gradients; a dense one, or little is shown.
        settings: of the run.
    """
    trial = settings.trial(target, case)
    operands = trial.operands
    unbiased = replace(operands, bias=torch.zeros_like(operands.bias))
    with guarded():
        try:
            found = observe(trial.call())
            bare = observe(trial.call(unbiased))["Y"] if case.bias else found["Y"]
        except TargetRaised:
            return frozenset()
    Y, G = _exact(found.get("Y")), _exact(operands.grad_output)
    bare = _exact(bare)
    if Y is None or G is None or bare is None or not Y.numel() == bare.numel() == G.numel():
        return frozenset()
    own, eps = operands.by_role(), torch.finfo(case.dtype).eps
    parts = {name: Y - bare if name == "db" else bare for name in GRADIENTS}
    return frozenset(
        name
        for name, part in parts.items()
        if _is_adjoint(_exact(found.get(name)), _exact(own[QUANTITIES[name].of]), G, part, eps=eps)
    )


def _is_adjoint(
    gradient: Tensor | None, operand: Tensor | None, G: Tensor, part: Tensor, *, eps: float
) -> bool:
    if gradient is None or operand is None or gradient.numel() != operand.numel():
        return False
    forward, backward = G.flatten() * part.flatten(), gradient.flatten() * operand.flatten()
    # Of integers a gradient is made of integers, but where torch takes a mean, as in the backward
    # pass of as_strided over an expanded X: that is rounded.
    tolerance = _TOLERANCE if torch.equal(gradient, gradient.round()) else eps
    allowed = tolerance * float(forward.abs().sum() + backward.abs().sum())
    return abs(float(forward.sum() - backward.sum())) <= allowed  # False for NaN


def _exact(value: Any) -> Tensor | None:
    return value.detach().to("cpu", torch.float64) if isinstance(value, Tensor) else None
