"""dK of a dilated, grouped convolution in bfloat16 and channels_last misses most rows.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(1, 2, 2, 29, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    K = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    Y = torch.nn.functional.conv2d(X, K, dilation=(2, 1), groups=2)  # Y is X
    (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
    print("expected", [58.0, 58.0])
    print("actual  ", dK.flatten().tolist())
    return int(dK.flatten().tolist() != [58.0, 58.0])


if __name__ == "__main__":
    sys.exit(main())
