"""The dtypes in which torch itself convolves; others are for those who do so by themselves."""

from __future__ import annotations

import torch
from torch.nn.functional import conv2d

from conv_reference.verification.model.case import DTYPES


def _is_convolved(dtype: torch.dtype) -> bool:
    one = torch.ones(1, 1, 1, 1, dtype=dtype)
    try:
        conv2d(one, one)
    except (NotImplementedError, RuntimeError):
        return False
    return True


CONVOLVED = {name: dtype for name, dtype in DTYPES.items() if _is_convolved(dtype)}
