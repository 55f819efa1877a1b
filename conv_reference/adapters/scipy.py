"""SciPy: ``signal.correlate`` of each pair of channels; it has no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from scipy.signal import correlate

from conv_reference.verification import Framework


class Scipy(Framework):
    """Summed by the direct method: that by FFT is another."""

    name, version = "SciPy", scipy.__version__
    dtypes = ("float64", "float32")
    options = ("bias", "stride", "padding")
    method = "direct"

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Every position, of which the stride takes some."""
        del dilation, groups  # both are 1: they are no options of it
        x = np.pad(x, ((0, 0), (0, 0), *padding))
        if any(k > n for k, n in zip(w.shape[2:], x.shape[2:], strict=True)):
            raise ValueError("a kernel larger than its input: correlate would exchange the two")
        sizes = (n - k + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True))
        y = np.empty((len(x), len(w), *sizes), x.dtype)
        for n, o in np.ndindex(len(x), len(w)):
            y[n, o] = correlate(x[n], w[o], "valid", self.method)[0]
        y = y[:, :, :: stride[0], :: stride[1]]
        return y if b is None else y + b[:, None, None]


class ScipyFft(Scipy):
    """By FFT, which rounds."""

    version = f"{scipy.__version__} by FFT"
    method = "fft"
