"""Whether two tensors hold the same numbers, as numpy reads them from memory.

Torch's own comparison is an operator that a target may override, by accident or not.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Bound before a target could replace them.
_numpy, _float32, _positive = Tensor.numpy, Tensor.float, Tensor.resolve_neg
_are_zeros, _zeros = Tensor._is_zerotensor, torch.zeros  # noqa: SLF001 (of zeros that lie nowhere)
_FALSE = b"\0"
_HELD = frozenset({torch.float64, torch.float32, torch.float16})  # by numpy, too


def same_numbers(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors on the CPU are equal, element by element; a NaN equals nothing.

    Args:
        left: without a graph, of any strides.
        right: likewise; of another dtype where that holds each number of the left one's.
    """
    if left.dtype not in _HELD:  # float32 holds each number of the narrower ones
        left = _float32(left)
    if right.dtype not in _HELD:
        right = _float32(right)
    ours, theirs = _numpy(_written(left)), _numpy(_written(right))
    # Of a few elements, as nearly always, this takes a fifth of the time of numpy's reductions.
    return ours.shape == theirs.shape and _FALSE not in (ours == theirs).tobytes()


def _written(tensor: Tensor) -> Tensor:
    """The numbers in memory that numpy can read.

    A sign that only a view holds is in none; nor are the zeros that torch has for a derivative
    that vanishes, as the second of an absolute value.
    """
    if _are_zeros(tensor):
        return _zeros(tensor.shape, dtype=tensor.dtype)
    return _positive(tensor)
