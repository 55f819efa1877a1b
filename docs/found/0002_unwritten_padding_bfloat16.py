"""dK in bfloat16, channels_last: taps that see only padding get what the memory held.

Exits 1 where the gradient is wrong, 0 where the defect does not show. Run it with
MALLOC_PERTURB_=85 (glibc) to be sure of what fresh memory holds.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    X = torch.ones(1, 2, 1, 2, dtype=torch.bfloat16).permute(0, 2, 3, 1).contiguous()
    X = X.permute(0, 3, 1, 2)  # channels_last
    K = torch.ones(1, 2, 1, 4, dtype=torch.bfloat16, requires_grad=True)
    wrong = 0
    for _ in range(50):
        held = [torch.full((size,), 7.0) for size in (16, 64, 256, 1024, 4096)]
        del held  # freed memory holds sevens
        Y = torch.nn.functional.conv2d(X, K, None, stride=(1, 3), padding=(0, 1))
        (dK,) = torch.autograd.grad(Y, K, torch.ones_like(Y))
        if dK.flatten().tolist() != [0.0, 1.0, 1.0, 0.0] * 2:
            wrong += 1
            shown = dK.flatten().tolist()
    print("expected", [0.0, 1.0, 1.0, 0.0] * 2)
    print("actual  ", shown if wrong else "the same", f"({wrong} of 50 runs wrong)")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
