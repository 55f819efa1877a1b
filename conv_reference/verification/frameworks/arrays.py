"""Between tensors and the arrays of others: by numpy, or by DLPack."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from conv_reference.verification.model.errors import NotAsked

ALIGNMENT = 64  # bytes: what vectors of AVX-512 are read by
# Layouts of operands, as `Layout` has them; this room comes before that module's.
LAYOUTS = (
    "contiguous",
    "channels_last",
    "offset",
    "transposed",
    "sliced",
    "sliced_channels_last",
    "strided",
    "chunk",
    "last_chunk",
    "rows",
    "columns",
    "samples",
    "channels_last_offset",
    "channels_last_columns",
    "channels_last_rows",
    "image",
    "exchanged",
    "expanded",
)


def aligned(tensor: Tensor) -> Tensor:
    """The tensor where it is contiguous at a multiple of 64 bytes, else such a copy of it."""
    tensor = tensor.contiguous()
    if tensor.data_ptr() % ALIGNMENT == 0:
        return tensor
    size = tensor.element_size()
    room = torch.empty(tensor.numel() + ALIGNMENT // size, dtype=tensor.dtype)
    first = -room.data_ptr() % ALIGNMENT // size
    return room[first : first + tensor.numel()].view(tensor.shape).copy_(tensor)


def numpy_of(tensor: Tensor) -> Any:
    """A numpy array in the tensor's memory.

    Raises:
        NotAsked: for bfloat16 where ml_dtypes, which has it, is not installed.
    """
    tensor = tensor.detach()
    if tensor.dtype != torch.bfloat16:
        return tensor.numpy()
    try:
        bfloat16 = importlib.import_module("ml_dtypes").bfloat16
    except ImportError:
        raise NotAsked("numpy has no bfloat16 without ml_dtypes") from None
    return tensor.view(torch.int16).numpy().view(bfloat16)


def tensor_of(array: Any) -> Tensor:
    """A tensor of an array, in memory of its own; numbers of Python and numpy are arrays, too."""
    if isinstance(array, Tensor):
        return array.detach().clone()
    if not isinstance(array, np.ndarray | np.generic | float | int):
        return from_dlpack(array).clone()
    held = np.array(array, order="C")  # torch takes no negative strides
    if held.dtype.name == "bfloat16":
        return torch.from_numpy(held.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(held)


def seen_strides(array: Any) -> tuple[int, ...] | None:
    """How an array lies, in elements; None where that cannot be read."""
    if isinstance(array, np.ndarray):
        return tuple(stride // array.itemsize for stride in array.strides)
    try:
        return tuple(from_dlpack(array).stride())
    except Exception:  # it has no DLPack, or none for this dtype
        return None
