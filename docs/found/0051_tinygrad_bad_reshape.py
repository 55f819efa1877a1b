"""tinygrad and numpy alone: a dX that is 0 everywhere raises while its kernel is made.

Exits 1 where it does, or where dX is wrong; 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
from tinygrad import Tensor

X = np.full((1, 1, 1, 3), 5, np.float32)
K = np.full((1, 1, 1, 2), 7, np.float32)
G = np.full((1, 1, 1, 2), 3, np.float32)


def gradient() -> str:
    """In X; the one row of outputs is the first of two rows of padding."""
    x, k, g = Tensor(X), Tensor(K), Tensor(G)
    y = x.conv2d(k, stride=(3, 1), padding=(0, 0, 2, 0))
    try:
        return str((y * g).sum().gradient(x)[0].numpy().ravel().tolist())
    except ValueError as error:
        return f"ValueError: {error}"


def main() -> int:
    print("tinygrad", version("tinygrad"))
    expected, actual = str([0.0, 0.0, 0.0]), gradient()
    print("dX expected", expected)
    print("dX actual  ", actual)
    return int(actual != expected)


if __name__ == "__main__":
    sys.exit(main())
