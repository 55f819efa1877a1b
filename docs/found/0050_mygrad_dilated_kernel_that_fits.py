"""MyGrad alone: a dilated kernel that is just as wide as the input is refused.

Exits 1 where it is, or where the answer is wrong; 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import numpy as np
from mygrad.nnet.layers import conv_nd

KERNEL = np.array([1.0, 10.0, 100.0]).reshape(1, 1, 1, 3)
EXPECTED = {5: [531.0], 6: [531.0, 642.0]}  # by how many columns X has


def answer(columns: int) -> object:
    X = np.arange(1.0, columns + 1).reshape(1, 1, 1, columns)
    try:
        return conv_nd(X, KERNEL, stride=1, dilation=(1, 2)).data.ravel().tolist()
    except ValueError as error:
        return f"ValueError: {error}"


def main() -> int:
    answers = {columns: answer(columns) for columns in EXPECTED}
    for columns, actual in answers.items():
        print(f"{columns} columns: expected {EXPECTED[columns]}; actual {actual}")
    return int(answers != EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
