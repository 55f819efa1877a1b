"""tinygrad alone: the gradient of outputs that see only padding is whatever was in memory."""

import sys
from importlib.metadata import version

import numpy as np
from tinygrad import Tensor

X = np.full((1, 1, 16, 2), 5, np.float32)
K = np.full((8, 1, 4, 1), 7, np.float32)
G = np.full((1, 8, 3, 2), 3, np.float32)


def main() -> int:
    print("tinygrad", version("tinygrad"))
    first = gradient()
    print("dX", first)
    convolved(Tensor(X), Tensor(K)).numpy()  # its memory is free from here on
    second = gradient()
    print("dX", second, "which should be [0.]")
    return int(first.any() or second.any())


def convolved(x: Tensor, k: Tensor) -> Tensor:
    """Both columns of outputs are columns of the padding."""
    return x.conv2d(k, stride=3, dilation=(3, 2), padding=(1, 1, 0, 2))


def gradient() -> np.ndarray:
    """Of the weighted sum of the outputs, in X: 0, for none of them sees an element of X."""
    x, k, g = Tensor(X), Tensor(K), Tensor(G)
    return np.unique((convolved(x, k) * g).sum().gradient(x)[0].numpy())


if __name__ == "__main__":
    sys.exit(main())
