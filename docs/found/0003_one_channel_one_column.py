"""Y of a one-channel channels_last input whose output is one column wide is wrong.

Exits 1 where it is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    torch.set_num_threads(1)  # with two, each row is the first of its thread
    image = torch.tensor([[[[1.0], [2.0]]]])  # (N, H, W, C): one row of two pixels
    X = image.permute(0, 3, 1, 2)  # strides (2, 1, 2, 1): channels_last
    K = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    Y = torch.nn.functional.conv2d(X, K, None, stride=(1, 2), padding=(2, 1)).flatten().tolist()
    print("expected", [32.0, 20.0])
    print("actual  ", Y)
    return int(Y != [32.0, 20.0])


if __name__ == "__main__":
    sys.exit(main())
