"""Torch, as any other framework: adapters of which one thing is wrong are made of it."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import conv2d, pad

from conv_reference.verification import Framework


class Right(Framework):
    """Torch, without transforms but the first order's."""

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        (top, bottom), (left, right) = padding
        x = pad(x, (left, right, top, bottom))
        return conv2d(x, w, b, stride, (0, 0), dilation, groups)

    def from_dlpack(self, tensor: Any) -> Any:
        return tensor.clone()

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return torch.func.vjp(f, *primals)[1](tuple(cotangents))


class Itself(Right):
    """With every transform: what is lifted is torch.func's."""

    name, version = "torch.func", torch.__version__
    dtypes = ("float64",)
    # Where the judge, too, is in torch's forward mode.
    refusals: Any = ((RuntimeError, "Nested forward mode AD is not supported"),)

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return torch.func.jvp(f, tuple(primals), tuple(tangents))[1]

    def vmap(self, f: Any, in_dims: Any) -> Any:
        return torch.func.vmap(f, in_dims)
