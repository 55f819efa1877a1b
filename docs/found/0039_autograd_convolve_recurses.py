"""HIPS autograd alone: convolve of (2, 1) and (1, 2) calls itself without end, as in a gradient.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import autograd.numpy as np
from autograd import make_vjp
from autograd.scipy.signal import convolve


def main() -> int:
    print("autograd", version("autograd"))
    A, B = np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]])
    found = 0
    for name, called in (("full", full), ("dX of valid", gradient)):
        print(name, "expected", [[3.0, 4.0], [6.0, 8.0]])
        try:
            print(name, "actual  ", called(A, B).tolist())
        except RecursionError as error:
            print(name, "actual  ", type(error).__name__, error)
            found = 1
    return found


def full(A: Any, B: Any) -> Any:
    return convolve(A, B, mode="full")


def gradient(G: Any, K: Any) -> Any:
    """Of the correlation of an image of 2 by 2 with the kernel, in the image."""
    pull, _ = make_vjp(lambda X: convolve(X, K[::-1, ::-1], mode="valid"))(np.ones((2, 2)))
    return pull(G)


if __name__ == "__main__":
    sys.exit(main())
