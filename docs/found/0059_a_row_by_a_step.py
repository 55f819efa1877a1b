"""Y of groups is wrong where K is of one row that was taken by a step, and X in channels_last.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    """Of two groups of two channels; the same numbers lie otherwise where it comes out right."""
    X = torch.arange(1.0, 9.0).reshape(1, 1, 2, 4).permute(0, 3, 1, 2)
    K = torch.arange(1.0, 9.0).reshape(2, 1, 2, 2).permute(0, 3, 1, 2)[:, :, ::2]
    found = torch.nn.functional.conv2d(X, K, groups=2).flatten().tolist()
    expected = torch.nn.functional.conv2d(X, K.contiguous(), groups=2).flatten().tolist()
    print("shape and strides of K", tuple(K.shape), K.stride())
    print("expected", expected)
    print("actual  ", found)
    return int(found != expected)


if __name__ == "__main__":
    sys.exit(main())
