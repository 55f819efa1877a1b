"""JAX alone: dX reads past G where the padding before exceeds the kernel.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)
G = np.arange(8 * 6 * 4).reshape(1, 8, 6, 4) % 3  # of Y, (1, 8, 6, 4)


def main() -> int:
    """X has two rows and four columns, K eight kernels of three rows of ones."""
    print("jax", jax.__version__)
    # dX[i, j] = Σ G[o, i + 5 - a, j] over o and a = 0, 1, 2: rows 3 to 5 of G, and then 4 and 5
    expected = np.stack([G[0, :, 3:6].sum((0, 1)), G[0, :, 4:6].sum((0, 1))])
    print("expected", expected.tolist())
    wrong = [not np.array_equal(dx(name), expected) for name in NAMES]
    return int(any(wrong))


NAMES = ("float64", "float32", "float16", "bfloat16")


def dx(name: str) -> np.ndarray:
    x, k = jnp.zeros((1, 1, 2, 4), name), jnp.ones((8, 1, 3, 1), name)

    def conv(x: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, k, (1, 1), ((5, 1), (0, 0)))

    found = np.asarray(jax.jit(jax.vjp(conv, x)[1])(jnp.asarray(G, name))[0], np.float64)[0, 0]
    print(f"{name:8}", found.tolist())
    return found


if __name__ == "__main__":
    sys.exit(main())
