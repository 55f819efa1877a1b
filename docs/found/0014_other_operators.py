"""conv_transpose2d and torch.nn.grad make NaN of an infinity in bfloat16, as conv2d does.

Exits 1 where one of them does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.nn.functional import conv_transpose2d
from torch.nn.grad import conv2d_input, conv2d_weight


def main() -> int:
    return int(not all([transposed(), of_the_input(), of_the_kernel()]))


def transposed() -> bool:
    X = torch.ones(1, 1, 3, 4, dtype=torch.bfloat16)
    K = torch.tensor([[[[-torch.inf, 1.0]]]], dtype=torch.bfloat16)
    return is_infinite("conv_transpose2d", conv_transpose2d(X, K, padding=(0, 2)), -torch.inf)


def of_the_input() -> bool:
    K = torch.tensor([[[[torch.inf, 1.0]]]], dtype=torch.bfloat16)
    G = torch.ones(1, 1, 1, 5, dtype=torch.bfloat16)
    dX = conv2d_input((1, 1, 1, 2), K, G, padding=(0, 2))
    return is_infinite("conv2d_input", dX, torch.inf)


def of_the_kernel() -> bool:
    X = torch.ones(1, 1, 1, 5, dtype=torch.bfloat16)
    G = torch.ones(1, 2, 1, 3, dtype=torch.bfloat16)
    G[0, 1, 0, 2] = torch.inf
    dK = conv2d_weight(X, (2, 1, 1, 3), G)
    return is_infinite("conv2d_weight", dK[1], torch.inf)


def is_infinite(name: str, found: Tensor, infinity: float) -> bool:
    print(f"{name}: expected", [infinity] * found.numel())
    print(f"{name}: actual  ", found.flatten().tolist())
    return bool((found == infinity).all())


if __name__ == "__main__":
    sys.exit(main())
