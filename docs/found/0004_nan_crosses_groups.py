"""A NaN in the upstream gradient of one group reaches dX of another, in bfloat16.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(1, 2, 1, 2, dtype=torch.bfloat16, requires_grad=True)
    K = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16)
    Y = torch.nn.functional.conv2d(X, K, stride=(2, 1), groups=2)
    G = torch.ones_like(Y)
    G[0, 0] = torch.nan  # the first group's
    (dX,) = torch.autograd.grad(Y, X, G)
    second = dX[0, 1].flatten().tolist()
    print("expected", [1.0, 1.0])
    print("actual  ", second)
    return int(second != [1.0, 1.0])


if __name__ == "__main__":
    sys.exit(main())
