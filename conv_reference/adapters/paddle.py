"""Paddle on the CPU: ``paddle.nn.functional.conv2d`` and ``paddle.grad``."""

from __future__ import annotations

from typing import Any

import paddle
import torch
from paddle.incubate.autograd import jvp
from paddle.nn.functional import conv2d

from conv_reference.verification import Framework

paddle.set_device("cpu")


class Paddle(Framework):
    """Its gradients may be differentiated again."""

    name, version = "Paddle", paddle.__version__
    dtypes = ("float64", "float32")
    # The second order of depthwise convolutions, docs/found/0040.
    refusals = ((RuntimeError, "_double_grad` is not registered"),)
    data_format = "NCHW"

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y in the class's order of dimensions, and back."""
        last = self.data_format == "NHWC"
        x = paddle.moveaxis(x, 1, -1) if last else x
        sides = [*padding[0], *padding[1]]
        y = conv2d(x, w, b, list(stride), sides, list(dilation), groups, self.data_format)
        return paddle.moveaxis(y, -1, 1) if last else y

    def to(self, tensor: Any) -> Any:
        """A copy, by numpy."""
        return paddle.to_tensor(tensor.detach().contiguous().numpy())

    def back(self, array: Any) -> Any:
        """A copy, by numpy."""
        return torch.tensor(array.detach().numpy())

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """See ``paddle.grad``."""
        for primal in primals:
            primal.stop_gradient = False
        found = paddle.grad(
            list(f(*primals)),
            list(primals),
            grad_outputs=list(cotangents),
            create_graph=True,
            allow_unused=True,
        )
        return tuple(
            paddle.zeros_like(p) if g is None else g for g, p in zip(found, primals, strict=True)
        )

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        """See ``paddle.incubate.autograd.jvp``."""
        return jvp(f, list(primals), list(tangents))[1]


class Nhwc(Paddle):
    """The same with the channels last."""

    version = f"{Paddle.version}, channels last"
    data_format = "NHWC"
