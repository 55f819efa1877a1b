"""HIPS autograd: its ``convolve`` over numpy, which has a reverse mode and no other."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import autograd.numpy as anp
from autograd import make_vjp
from autograd.scipy.signal import convolve

from conv_reference.verification import Framework


class Autograd(Framework):
    """``autograd.scipy.signal.convolve`` with the kernel reversed, on the padded input."""

    name, version = "HIPS autograd", version("autograd")
    dtypes = ("float64", "float32", "float16")
    options = ("bias", "stride", "padding")

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Every position, of which the stride takes some."""
        del dilation, groups  # both are 1: they are no options of it
        x = anp.pad(x, ((0, 0), (0, 0), *padding), "constant")
        axes = ([2, 3], [2, 3])
        y = convolve(x, w[:, :, ::-1, ::-1], axes=axes, dot_axes=([1], [1]), mode="valid")
        y = y[:, :, :: stride[0], :: stride[1]]
        return y if b is None else y + b[:, None, None]

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """By the gradient of the answers' weighted sum."""

        def weighted(p: Any) -> Any:
            return sum(anp.sum(y * g) for y, g in zip(f(*p), cotangents, strict=True))

        found = make_vjp(weighted)(tuple(primals))[0](1.0)
        return tuple(found[place] for place in range(len(primals)))  # a box where it is traced
