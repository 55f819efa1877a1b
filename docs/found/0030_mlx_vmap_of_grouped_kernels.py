"""MLX: vmap over the kernels of a grouped convolution mixes the groups of the samples."""

import sys
from importlib.metadata import version

import mlx.core as mx

mx.set_default_device(mx.cpu)


def main() -> int:
    x = mx.array([1.0, 10.0]).reshape(1, 1, 1, 2)  # one pixel, two channels
    kernels = mx.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1, 1)  # two, each of two groups

    def conv(w: mx.array) -> mx.array:
        return mx.conv2d(x, w, groups=2)

    looped = mx.stack([conv(w) for w in kernels]).reshape(2, 2)
    mapped = mx.vmap(conv)(kernels).reshape(2, 2)
    print("mlx", version("mlx"))
    print("a loop of calls:", looped.tolist())
    print("vmap           :", mapped.tolist())
    return int(looped.tolist() != mapped.tolist())


if __name__ == "__main__":
    sys.exit(main())
