"""A NaN in the input reaches an element of Y whose window does not read it, in bfloat16.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.tensor([[[[1.0, 1.0, torch.nan]]]], dtype=torch.bfloat16)
    K = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16)
    found = torch.nn.functional.conv2d(X, K).flatten().tolist()
    print("expected", [2.0, torch.nan])
    print("actual  ", found)
    return int(found[0] != 2.0)


if __name__ == "__main__":
    sys.exit(main())
