"""A NaN in the upstream gradient reaches an element of dX that it takes no part in, in bfloat16.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16, requires_grad=True)
    K = torch.ones(1, 1, 1, 1, dtype=torch.bfloat16)
    Y = torch.nn.functional.conv2d(X, K, stride=(2, 1))  # Y is X
    G = torch.tensor([[[[1.0, torch.nan]]]], dtype=torch.bfloat16)
    (dX,) = torch.autograd.grad(Y, X, G)
    found = dX.flatten().tolist()
    print("expected", [1.0, torch.nan])
    print("actual  ", found)
    return int(found[0] != 1.0)


if __name__ == "__main__":
    sys.exit(main())
