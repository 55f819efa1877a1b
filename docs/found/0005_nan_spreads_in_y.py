"""In bfloat16 a NaN in X reaches elements of Y that do not read it.

Exits 1 where one of them is so, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    rights = [nan_in_input(), nan_in_four_channels(), nan_in_groups()]
    return int(not all(rights))


def nan_in_input() -> bool:
    X = torch.tensor([[[[1.0, 1.0, torch.nan]]]], dtype=torch.bfloat16)
    K = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16)
    found = torch.nn.functional.conv2d(X, K).flatten().tolist()
    print("expected", [2.0, torch.nan])
    print("actual  ", found)
    return found[0] == 2.0


def nan_in_four_channels() -> bool:
    X = torch.ones(1, 4, 2, 3, dtype=torch.bfloat16)
    X[0, 0, 0, 2] = torch.nan  # the window of Y[0,0,0,0] holds the columns 0 and 1
    K = torch.ones(1, 4, 2, 2, dtype=torch.bfloat16)
    found = torch.nn.functional.conv2d(X, K).flatten().tolist()
    print("expected", [16.0, torch.nan])
    print("actual  ", found)
    return found[0] == 16.0


def nan_in_groups() -> bool:
    X = torch.ones(1, 6, 1, 7, dtype=torch.bfloat16)
    X[0, 0, 0, 3] = torch.nan  # the window of Y[0,0,0,0] holds the columns 0 to 2
    K = torch.ones(2, 3, 1, 3, dtype=torch.bfloat16)
    found = float(torch.nn.functional.conv2d(X, K, groups=2)[0, 0, 0, 0])
    print("expected", 9.0)
    print("actual  ", found)
    return found == 9.0


if __name__ == "__main__":
    sys.exit(main())
