"""Mayini: the convolution of an empty batch raises.

Exits 1 where it raises or answers in another shape; 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import numpy as np
from mayini import Tensor
from mayini.nn import Conv2D

EXPECTED = {
    (0, 1, 1, 1, 1): (0, 1, 1, 1),
    (0, 2, 5, 3, 3): (0, 3, 3, 3),
    (1, 2, 5, 3, 3): (1, 3, 3, 3),
}


def answer(sizes: tuple[int, ...]) -> object:
    samples, channels, side, outputs, kernel = sizes
    layer = Conv2D(channels, outputs, kernel)
    try:
        return layer.forward(Tensor(np.ones((samples, channels, side, side), np.float32))).shape
    except ValueError as error:
        return f"ValueError: {error}"


def main() -> int:
    answers = {sizes: answer(sizes) for sizes in EXPECTED}
    for sizes, actual in answers.items():
        print(f"n{sizes[0]}: expected {EXPECTED[sizes]}; actual {actual}")
    return int(answers != EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
