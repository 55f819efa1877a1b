"""MLX alone: dK has another shape than K where the stride leaves the whole image over.

Exits 1 where it has, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import mlx.core as mx

mx.set_default_device(mx.cpu)


def main() -> int:
    x, k = mx.full((1, 1, 1, 1), 3.0), mx.full((1, 1, 1, 1), 2.0)

    def y(k: mx.array) -> mx.array:
        """One output column, which sees padding alone: X is the fourth of seven columns."""
        return mx.conv2d(x, k, stride=(1, 9), padding=(0, 3), dilation=(1, 2))

    (found,) = mx.vjp(y, [k], [mx.ones((1, 1, 1, 1))])[1]
    print("mlx", version("mlx"))
    print("expected", k.shape, [0.0])
    print("actual  ", found.shape, found.flatten().tolist())
    return int(found.shape != k.shape)


if __name__ == "__main__":
    sys.exit(main())
