"""HIPS autograd alone: convolve of (2, 1) and (1, 2) calls itself without end.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import autograd.numpy as np
from autograd.scipy.signal import convolve


def main() -> int:
    print("autograd", version("autograd"))
    A, B = np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]])
    print("expected", [[3.0, 4.0], [6.0, 8.0]])
    try:
        print("actual  ", convolve(A, B, mode="full").tolist())
    except RecursionError as error:
        print("actual  ", type(error).__name__, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
