"""MLX alone: the gradient of dX in G has another shape than G where columns are left over.

Exits 1 where it has, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import mlx.core as mx

mx.set_default_device(mx.cpu)


def main() -> int:
    x, w, g = mx.ones((1, 1, 3, 1)), mx.ones((1, 1, 2, 1)), mx.ones((1, 1, 1, 1))

    def dx(g: mx.array) -> mx.array:
        """Of three columns a stride of 2 and a kernel of two leave one over."""
        return mx.vjp(lambda x: mx.conv2d(x, w, stride=(1, 2)), [x], [g])[1][0]

    (found,) = mx.vjp(dx, [g], [mx.ones_like(x)])[1]
    print("mlx", version("mlx"))
    print("expected", g.shape, [2.0])  # Y of the ones that dX was weighted by
    print("actual  ", found.shape, found.flatten().tolist())
    return int(found.shape != g.shape)


if __name__ == "__main__":
    sys.exit(main())
