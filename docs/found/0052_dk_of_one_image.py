"""dK of groups is wrong where X is one image, rows of pixels of channels, and K in channels_last.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    """Of two groups of two channels; the same numbers lie otherwise where it comes out right."""
    image = torch.arange(1.0, 17.0, dtype=torch.float64).reshape(2, 2, 4)  # rows, columns, channels
    X = image.permute(2, 0, 1).unsqueeze(0)
    K = torch.ones(2, 2, 1, 2, dtype=torch.float64)
    found = kernel_gradient(X, K.contiguous(memory_format=torch.channels_last))
    expected = kernel_gradient(X.contiguous(), K)
    print("strides of X", X.stride())
    print("expected", expected)
    print("actual  ", found)
    return int(found != expected)


def kernel_gradient(X: torch.Tensor, K: torch.Tensor) -> list[float]:
    """The gradient of the sum of Y."""
    K.requires_grad_()
    torch.nn.functional.conv2d(X, K, groups=2).sum().backward()
    assert K.grad is not None
    gradient: list[float] = K.grad.flatten().tolist()
    return gradient


if __name__ == "__main__":
    sys.exit(main())
