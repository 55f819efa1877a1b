"""MLX: vmap over the kernels of a grouped convolution mixes the groups of the samples."""

import mlx.core as mx

mx.set_default_device(mx.cpu)
print("mlx", mx.__version__ if hasattr(mx, "__version__") else "")
x = mx.array([1.0, 10.0]).reshape(1, 1, 1, 2)  # one pixel, two channels
kernels = mx.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1, 1)  # two, each of two groups


def conv(w):
    return mx.conv2d(x, w, groups=2)


looped = mx.stack([conv(w) for w in kernels]).reshape(2, 2)
mapped = mx.vmap(conv)(kernels).reshape(2, 2)
print("a loop of calls:", looped.tolist())
print("vmap           :", mapped.tolist())
