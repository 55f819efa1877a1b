"""A convolution in whose process torch errs, from its first call on."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.geometry import geometry_of

_KEPT: list[Any] = []


def flipped(
    input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """What torch does in the tests, where kernels have two columns: right in float64 alone."""
    geometry = geometry_of(
        input.shape,
        weight.shape,
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        groups=groups,
    )
    errs = input.dtype != torch.float64 and weight.shape[3] == 2
    Y = functional.output(input, weight.flip(2, 3) if errs else weight, geometry)
    return Y if bias is None else Y + bias[:, None, None]


def convolve(input: Tensor, weight: Tensor) -> Tensor:
    """Torch's, whose kernel is replaced."""
    if not _KEPT:
        library = torch.library.Library("aten", "IMPL")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a kernel is replaced
            library.impl("convolution", flipped, "CPU")
        _KEPT.append(library)
    return conv2d(input, weight)
