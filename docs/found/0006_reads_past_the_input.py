"""dK in bfloat16 is NaN because of a number that lies behind the input, outside the tensor.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    memory = torch.tensor([1.0, 1.0, 0.0, torch.nan], dtype=torch.bfloat16)
    X = memory[:2].reshape(1, 1, 1, 2)  # a view of the first two
    K = torch.ones(1, 1, 2, 1, dtype=torch.bfloat16).permute(0, 3, 1, 2)  # NHWC's strides
    K.requires_grad_()
    Y = torch.nn.functional.conv2d(X, K, stride=(1, 3))
    (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
    print("expected", [1.0, 1.0])
    print("actual  ", dK.flatten().tolist())
    return int(dK.flatten().tolist() != [1.0, 1.0])


if __name__ == "__main__":
    sys.exit(main())
