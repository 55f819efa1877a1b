"""dK in bfloat16 is NaN because of a number behind the input, or behind one of its rows.

Exits 1 where one of them is so, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    return int(not all([behind_the_input(), behind_a_row(), in_a_jacobian()]))


def behind_the_input() -> bool:
    memory = torch.tensor([1.0, 1.0, 0.0, torch.nan], dtype=torch.bfloat16)
    X = memory[:2].reshape(1, 1, 1, 2)  # a view of the first two
    K = torch.ones(1, 1, 2, 1, dtype=torch.bfloat16).permute(0, 3, 1, 2)  # NHWC's strides
    K.requires_grad_()
    Y = torch.nn.functional.conv2d(X, K, stride=(1, 3))
    (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
    print("expected", [1.0, 1.0])
    print("actual  ", dK.flatten().tolist())
    return dK.flatten().tolist() == [1.0, 1.0]


def behind_a_row() -> bool:
    X = torch.tensor([1.0, 1.0, torch.nan], dtype=torch.bfloat16).reshape(1, 3, 1, 1)
    K = torch.ones(16, 3, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    Y = torch.nn.functional.conv2d(X, K, stride=(1, 2))
    (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
    found = dK[0].flatten().tolist()
    print("expected", [1.0, 1.0, torch.nan])
    print("actual  ", found)
    return found[:2] == [1.0, 1.0]


def in_a_jacobian() -> bool:
    memory = torch.ones(12, dtype=torch.bfloat16)
    memory[8:] = torch.nan
    X = memory[:8].reshape(1, 4, 2, 1)  # a view of the first eight
    K = torch.ones(4, 4, 1, 1, dtype=torch.bfloat16)
    dK = torch.func.jacrev(lambda K: torch.nn.functional.conv2d(X, K, stride=(1, 2)))(K)
    found = dK[0, 0, 0, 0, 0].flatten().tolist()
    print("expected", [1.0] * 4)
    print("actual  ", found)
    return found == [1.0] * 4


if __name__ == "__main__":
    sys.exit(main())
