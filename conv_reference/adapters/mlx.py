"""MLX on the CPU: ``conv_general`` with its vjp, jvp and vmap."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import mlx.core as mx

from conv_reference.verification import Framework

mx.set_default_device(mx.cpu)


class Mlx(Framework):
    """Channels last; of float64 it makes float32, so that is not offered."""

    name, version = "MLX", version("mlx")
    dtypes = ("float32", "float16", "bfloat16")
    refusals = ((ValueError, "Not implemented for"),)

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y; the padding is given as that before and that behind."""
        before, behind = zip(*padding, strict=True)
        y = mx.conv_general(
            mx.moveaxis(x, 1, -1),
            mx.moveaxis(w, 1, -1),
            stride=stride,
            padding=(before, behind),
            kernel_dilation=dilation,
            groups=groups,
        )
        return mx.moveaxis(y if b is None else y + b, -1, 1)

    def from_dlpack(self, tensor: Any) -> Any:
        """See ``mlx.core.array``."""
        return mx.array(tensor)

    def back(self, array: Any) -> Any:
        """Evaluated and contiguous: torch dies of negative strides."""
        held = mx.contiguous(array)
        mx.eval(held)
        return super().back(held)

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """See ``mlx.core.vjp``."""
        return tuple(mx.vjp(lambda *a: list(f(*a)), list(primals), list(cotangents))[1])

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        """See ``mlx.core.jvp``."""
        return tuple(mx.jvp(lambda *a: list(f(*a)), list(primals), list(tangents))[1])

    def vmap(self, f: Any, in_dims: Any) -> Any:
        """See ``mlx.core.vmap``."""
        return mx.vmap(f, in_axes=tuple(in_dims), out_axes=0)


class Compiled(Mlx):
    """The same through MLX's compiler."""

    version = f"{Mlx.version}, compiled"

    def jit(self, f: Any) -> Any:
        """See ``mlx.core.compile``."""
        return mx.compile(f)
