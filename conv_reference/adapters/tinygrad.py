"""tinygrad: ``Tensor.conv2d`` and ``Tensor.gradient``."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from typing import Any

import torch
from tinygrad import Tensor, dtypes

from conv_reference.verification import Framework


class TinyGrad(Framework):
    """Realised on the CPU; each shape is a kernel of its own, compiled."""

    name, version = "tinygrad", version("tinygrad")
    compiles_per = "shape"

    def __init__(self) -> None:
        if not bfloat16_compiles():
            self.dtypes = ("float64", "float32", "float16")

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y; tinygrad counts the padding from the last axis."""
        (top, bottom), (left, right) = padding
        sides = (left, right, top, bottom)
        return x.conv2d(w, b, groups=groups, stride=stride, dilation=dilation, padding=sides)

    def to(self, tensor: Any) -> Any:
        """By numpy; bfloat16, which that lacks, by its bits."""
        given = tensor.detach().contiguous()
        if given.dtype == torch.bfloat16:
            return Tensor(given.view(torch.int16).numpy()).bitcast(dtypes.bfloat16)
        return Tensor(given.numpy())

    def back(self, array: Any) -> Any:
        """By numpy, and bfloat16 by its bits."""
        if array.dtype == dtypes.bfloat16:
            return torch.tensor(array.bitcast(dtypes.int16).numpy()).view(torch.bfloat16)
        return torch.tensor(array.numpy())

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """By the gradient of the answers' weighted sum."""
        weighted = sum((y * g).sum() for y, g in zip(f(*primals), cotangents, strict=True))
        return tuple(weighted.gradient(*primals))


def bfloat16_compiles() -> bool:
    """Whether this machine's clang knows the type: tinygrad writes C, and clang 14 does not."""
    command = ["clang", "-x", "c", "-c", "-march=native", "-o", os.devnull, "-"]
    source = b"void stored(__bf16 *to, __bf16 *from) { *to = *from; }"
    return subprocess.run(command, input=source, capture_output=True, check=False).returncode == 0
