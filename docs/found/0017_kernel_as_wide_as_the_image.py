"""dK in float32 is wrong where the kernel is as wide as the image, of 14 to 19 columns.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(1, 1, 32, 14)
    K = torch.ones(1, 1, 4, 14, requires_grad=True)
    Y = torch.nn.functional.conv2d(X, K)  # 29 rows of one element
    (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
    print("expected", [29.0] * 14)
    print("actual  ", dK[0, 0, 0].tolist())
    return int(dK.ne(29).any())


if __name__ == "__main__":
    sys.exit(main())
