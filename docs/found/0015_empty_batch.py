"""Of an empty batch the gradient of torch.nn.grad.conv2d_weight is missing.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(0, 1, 3, 3)
    G = torch.ones(0, 1, 2, 2, requires_grad=True)
    dK = torch.nn.grad.conv2d_weight(X, (1, 1, 2, 2), G)
    (found,) = torch.autograd.grad(dK.sum(), G, allow_unused=True)
    print("expected a tensor of shape (0, 1, 2, 2)")
    print("actual  ", found if found is None else f"a tensor of shape {tuple(found.shape)}")
    return int(found is None)


if __name__ == "__main__":
    sys.exit(main())
