"""In bfloat16 an infinity in the last of an odd number of products makes NaN of the sum.

Exits 1 where one of Y, dX and dK is so, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor


def main() -> int:
    return int(not all([in_y(), in_dx(), in_dk()]))


def in_y() -> bool:
    X = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16)
    K = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16)
    K[1] = torch.inf
    Y = torch.nn.functional.conv2d(X, K, padding=1)
    return is_infinite("Y", Y[0, 1, 1, 1:3])  # the pixels; around them is padding


def in_dx() -> bool:
    X = torch.ones(1, 1, 1, 3, dtype=torch.bfloat16, requires_grad=True)
    K = torch.tensor([[[[torch.inf, 1.0]]]], dtype=torch.bfloat16)
    Y = torch.nn.functional.conv2d(X, K, padding=1)
    (dX,) = torch.autograd.grad(Y, X, torch.ones_like(Y))
    return is_infinite("dX", dX)


def in_dk() -> bool:
    X = torch.ones(1, 1, 1, 5, dtype=torch.bfloat16)
    K = torch.ones(2, 1, 1, 3, dtype=torch.bfloat16, requires_grad=True)
    Y = torch.nn.functional.conv2d(X, K)
    G = torch.ones_like(Y)
    G[0, 1, 0, 2] = torch.inf
    (dK,) = torch.autograd.grad(Y, K, G)
    return is_infinite("dK", dK[1])


def is_infinite(name: str, found: Tensor) -> bool:
    print(f"{name}: expected", [torch.inf] * found.numel())
    print(f"{name}: actual  ", found.flatten().tolist())
    return bool((found == torch.inf).all())


if __name__ == "__main__":
    sys.exit(main())
