"""Whose gradients wrong ones are: of the wrong Y, or together of one other map than Y's.

What a linear map's gradient is paired with shows whose it is. Y is linear in X and in K, so by
Euler ⟨G, Y⟩ = ⟨dX, X⟩ = ⟨dK, K⟩ where the gradients are those of the Y that the target computes,
whatever that is; and what the bias adds is ⟨db, b⟩. Such gradients follow from a wrong Y. Where Y
is right and ⟨dX, X⟩ = ⟨dK, K⟩ all the same, both are gradients of one other bilinear map: that is
one fault of the backward pass, which forgets a padding, say.
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
        if _pair_alike(
            (_exact(found.get(name)), _exact(own[QUANTITIES[name].of])), (part, G), eps=eps
        )
    )


def of_one_other_map(target: Target, case: Case, settings: Settings) -> bool | None:
    """Whether dX and dK are the gradients of one bilinear map, and that is not the target's Y.

    Args:
        target: the implementation.
        case: that requests both gradients; a dense one, or little is shown.
        settings: of the run.

    Returns:
        None where that is not to be told: one of them is not there, or both are those of Y.
    """
    trial = settings.trial(target, replace(case, bias=False))
    with guarded():
        try:
            found = observe(trial.call())
        except TargetRaised:
            return None
    own, eps = trial.operands.by_role(), torch.finfo(case.dtype).eps
    dX, dK = ((_exact(found.get(n)), _exact(own[QUANTITIES[n].of])) for n in ("dX", "dK"))
    of_y = _exact(found.get("Y")), _exact(trial.operands.grad_output)
    if not all(map(_can_pair, (dX, dK, of_y))):
        return None
    if _pair_alike(dX, of_y, eps=eps) and _pair_alike(dK, of_y, eps=eps):
        return None
    return _pair_alike(dX, dK, eps=eps)


_Pair = tuple[Tensor | None, Tensor | None]  # a gradient and its operand, or Y and G


def _can_pair(pair: _Pair) -> bool:
    first, second = pair
    return first is not None and second is not None and first.numel() == second.numel()


def _pair_alike(one: _Pair, other: _Pair, *, eps: float) -> bool:
    """Whether the sums of the products of two pairs are one number."""
    products, whole = [], True
    for first, second in (one, other):
        if first is None or second is None or first.numel() != second.numel():
            return False
        products.append(first.flatten() * second.flatten())
        whole &= torch.equal(first, first.round())
    # Of integers a gradient is made of integers, but where torch takes a mean, as in the backward
    # pass of as_strided over an expanded X: that is rounded.
    tolerance = _TOLERANCE if whole else eps
    allowed = tolerance * float(sum(each.abs().sum() for each in products))
    return abs(float(products[0].sum() - products[1].sum())) <= allowed  # False for NaN


def _exact(value: Any) -> Tensor | None:
    return value.detach().to("cpu", torch.float64) if isinstance(value, Tensor) else None
