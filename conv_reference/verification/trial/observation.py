"""What a call comes to: Y and the gradients, as the target hands them back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.trial import TargetRaised, target_code


def observe(call: Call) -> dict[str, Any]:
    """Run the implementation forward and backward.

    Returns:
        Y and, when Y is a tensor of the right shape, the gradient of each leaf that asks.

    Raises:
        TargetRaised: when it throws; in the backward pass, it holds Y.
    """
    with target_code("Y"):
        Y = call.forward()
    if not isinstance(Y, Tensor) or Y.shape != call.G.shape:
        return {"Y": Y}
    leaves = call.leaves
    if not leaves or not Y.requires_grad:
        return {"Y": Y} | dict.fromkeys(leaves)
    value = Y.detach().clone()  # before the backward pass can touch it
    try:
        with target_code(*leaves):
            gradients = torch.autograd.grad(
                Y, list(leaves.values()), call.G.to(Y.dtype), allow_unused=True
            )
    except TargetRaised as raised:
        raised.observed = {"Y": value}
        raise
    seen = (looked_at(gradient) for gradient in gradients)
    return {"Y": value, **dict(zip(leaves, seen, strict=True))}
