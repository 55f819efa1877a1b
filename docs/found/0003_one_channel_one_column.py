"""Y of a one-channel channels_last input whose output is one column wide is wrong.

So is Y of groups of one channel, in bfloat16. Exits 1 where one of them is wrong, 0 where the
defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    torch.set_num_threads(1)  # with two, each row may be the first of its thread
    return int(not all([one_channel(), groups_of_one_channel()]))


def one_channel() -> bool:
    image = torch.tensor([[[[1.0], [2.0]]]])  # (N, H, W, C): one row of two pixels
    X = image.permute(0, 3, 1, 2)  # strides (2, 1, 2, 1): channels_last
    K = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    Y = torch.nn.functional.conv2d(X, K, None, stride=(1, 2), padding=(2, 1))
    return compared([32.0, 20.0], Y)


def groups_of_one_channel() -> bool:
    X = torch.ones(1, 3, 1, 1, dtype=torch.bfloat16)
    K = torch.arange(1.0, 37.0, dtype=torch.bfloat16).reshape(6, 2, 3, 1).permute(0, 3, 1, 2)
    Y = torch.nn.functional.conv2d(X, K, None, stride=(1, 2), padding=(1, 1), groups=3)
    # Row i reads the one row of X with the kernel row 1 - i, in its middle column.
    return compared([kernel[0, 1 - i, 1].item() for kernel in K for i in range(2)], Y)


def compared(expected: list[float], Y: torch.Tensor) -> bool:
    print("expected", expected)
    print("actual  ", Y.flatten().tolist())
    return Y.flatten().tolist() == expected


if __name__ == "__main__":
    sys.exit(main())
