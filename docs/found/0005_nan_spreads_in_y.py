"""In bfloat16 a NaN in X reaches what does not read it in Y; an infinity in K is NaN in dX.

Exits 1 where one of them is so, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    return int(not all([nan_in_input(), infinity_in_kernel()]))


def nan_in_input() -> bool:
    X = torch.tensor([[[[1.0, 1.0, torch.nan]]]], dtype=torch.bfloat16)
    K = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16)
    found = torch.nn.functional.conv2d(X, K).flatten().tolist()
    print("expected", [2.0, torch.nan])
    print("actual  ", found)
    return found[0] == 2.0


def infinity_in_kernel() -> bool:
    X = torch.ones(1, 1, 1, 3, dtype=torch.bfloat16, requires_grad=True)
    K = torch.tensor([[[[torch.inf, 1.0]]]], dtype=torch.bfloat16)
    Y = torch.nn.functional.conv2d(X, K, padding=1)
    (dX,) = torch.autograd.grad(Y, X, torch.ones_like(Y))
    print("expected", [torch.inf] * 3)
    print("actual  ", dX.flatten().tolist())
    return dX.flatten().tolist() == [torch.inf] * 3


if __name__ == "__main__":
    sys.exit(main())
