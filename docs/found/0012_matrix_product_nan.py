"""In bfloat16 a NaN in one row of a matrix reaches another row of its product.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    rights = [nan_in_the_next_row(), nan_in_a_gap()]
    return int(not all(rights))


def nan_in_the_next_row() -> bool:
    A = torch.ones(19, 31, dtype=torch.bfloat16)
    B = torch.ones(31, 7, dtype=torch.bfloat16)
    A[1, 0] = torch.nan
    found = (A @ B)[0].tolist()
    print("expected", [31.0] * 7)
    print("actual  ", found)
    return found == [31.0] * 7


def nan_in_a_gap() -> bool:
    larger = torch.ones(19, 32, dtype=torch.bfloat16)
    larger[:, 31] = torch.nan  # beside the view that is multiplied
    B = torch.ones(31, 7, dtype=torch.bfloat16)
    found = (larger[:, :31] @ B)[0].tolist()
    print("expected", [31.0] * 7)
    print("actual  ", found)
    return found == [31.0] * 7


if __name__ == "__main__":
    sys.exit(main())
