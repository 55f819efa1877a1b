"""Convolution of patches (stride = kernel) in bfloat16 leaves half of the kernel out.

Exits 1 where one is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    wrong = [
        is_wrong(channels=16, kernel=(1, 4), image=(1, 20)),
        is_wrong(channels=16, kernel=(1, 4), image=(1, 4)),  # without AMX, W must be kw
        is_wrong(channels=4, kernel=(16, 16), image=(224, 224)),
    ]
    return int(any(wrong))


def is_wrong(*, channels: int, kernel: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether ones, of which each output adds as many as the kernel has, do not add up."""
    X = torch.ones(1, channels, *image, dtype=torch.bfloat16)
    K = torch.ones(1, channels, *kernel, dtype=torch.bfloat16)
    X = X.contiguous(memory_format=torch.channels_last)
    Y = torch.nn.functional.conv2d(X, K, stride=kernel)
    print(f"expected {K.numel()}; actual {sorted(set(Y.flatten().tolist()))}")
    return bool((K.numel() != Y).any())


if __name__ == "__main__":
    sys.exit(main())
