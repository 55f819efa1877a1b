"""JAX alone: Y of more than 32,768 output channels is never written.

Exits 1 where it is not, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import jax
import numpy as np
from jax import lax


def main() -> int:
    """An image of one pixel, 2, and kernels of one tap, 1, 2, 3, ..."""
    print("jax", jax.__version__)
    return int(any(wrong(channels) for channels in (32_768, 32_769, 70_000)))


def wrong(channels: int) -> bool:
    x = np.full((1, 1, 1, 1), 2, np.float32)
    k = np.arange(1, channels + 1, dtype=np.float32).reshape(channels, 1, 1, 1)
    y = np.asarray(lax.conv_general_dilated(x, k, (1, 1), "VALID")).ravel()
    print(channels, "channels: expected", (2 * k).ravel()[:3].tolist(), "found", y[:3].tolist())
    return not np.array_equal(y, 2 * k.ravel())


if __name__ == "__main__":
    sys.exit(main())
