"""numpy: windows of the padded input, summed with the kernel; by hand its derivative, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from conv_reference.verification import Framework


class Numpy(Framework):
    """A convolution as ``einsum`` over ``sliding_window_view``; it has no transforms."""

    name, version = "numpy", np.__version__
    dtypes = ("float64", "float32", "float16")  # einsum takes no bfloat16 of ml_dtypes
    layouts = ("contiguous", "channels_last", "offset", "transposed", "sliced", "strided")

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y over all windows at once."""
        if min(*stride, *dilation) < 1:  # slices would take them, and mean something else
            raise ValueError(f"stride {stride} and dilation {dilation} must be at least 1")
        x = np.pad(x, ((0, 0), (0, 0), *padding))
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
        windows = sliding_window_view(x, spans, axis=(2, 3))
        windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
        (n, c), o = windows.shape[:2], w.shape[0]
        apart = windows.reshape(n, groups, c // groups, *windows.shape[2:])
        kernels = w.reshape(groups, o // groups, *w.shape[1:])
        y = np.einsum("ngchwij,gocij->ngohw", apart, kernels)
        y = y.reshape(n, o, *y.shape[3:])
        return y if b is None else y + b[:, None, None]

    def to(self, tensor: Any) -> Any:
        """In the tensor's own memory, as it lies."""
        return self.from_dlpack(tensor.detach())
