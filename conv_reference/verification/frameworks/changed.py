"""What a call changes of its arrays: where `to` copies, no tensor would show it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.frameworks.contract import Framework


def change_alike(framework: Framework, tensors: Sequence[Tensor], arrays: Sequence[Any]) -> None:
    """Change the tensors as a call changed the arrays that were made of them.

    Whose `to` copies nothing has that already. So the check of arguments sees it in either case,
    in place of a later call of the framework's own that reads other numbers.

    Args:
        framework: whose arrays.
        tensors: the operands.
        arrays: what ``to`` made of each, after the call.
    """
    for tensor, array in zip(tensors, arrays, strict=True):
        # An array may be gone with the call, and an expanded tensor cannot be written to.
        with suppress(Exception):
            after = framework.back(array)
            if not _alike(after, tensor) and _alike(framework.back(framework.to(tensor)), tensor):
                tensor.data.copy_(after)  # as the framework does, past torch's count of versions


def _alike(found: Tensor, tensor: Tensor) -> bool:
    """Whether they have the same numbers, NaN at the same places."""
    if found.shape != tensor.shape or found.dtype != tensor.dtype:
        return False
    return torch.equal(found, tensor) or bool(
        ((found == tensor) | (found.isnan() & tensor.isnan())).all()
    )
