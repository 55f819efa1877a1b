"""TensorFlow on the CPU, eager: ``tf.nn.conv2d`` with tapes, accumulators and vectorized_map."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from torch.utils import dlpack

from conv_reference.verification import Framework
from conv_reference.verification.frameworks import lifting


class TensorFlow(Framework):
    """Channels last. On the CPU some dtypes have no gradients of groups and of dilation."""

    name, version = "TensorFlow", tf.__version__
    refusals = (
        (tf.errors.UnimplementedError, ""),
        (tf.errors.InvalidArgumentError, "CPU implementations do not yet support dilation rates"),
        (tf.errors.InvalidArgumentError, "grouped convolutions are not supported on CPU"),
        # So says dK of groups alone, where the padding is explicit.
        (tf.errors.InvalidArgumentError, "filter_size does not have enough elements"),
        (LookupError, "radient"),
        (Exception, "No gradient defined for operation"),  # which a graph hands on as its own error
        # Its maps are made of lists, of which there is no forward mode, and lose dK's padding.
        (TypeError, "<dtype: 'variant'> is not compatible"),
        (tf.errors.InvalidArgumentError, "explicit_paddings attribute must contain 8 values"),
    )

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y, and back to channels first; of the groups TensorFlow learns from the kernel."""
        del groups
        sides = [[0, 0], *map(list, padding), [0, 0]] if any(map(any, padding)) else "VALID"
        x, w = tf.transpose(x, (0, 2, 3, 1)), tf.transpose(w, (2, 3, 1, 0))
        y = tf.nn.conv2d(x, w, stride, sides, dilations=dilation)
        return tf.transpose(y if b is None else tf.nn.bias_add(y, b), (0, 3, 1, 2))

    def from_dlpack(self, tensor: Any) -> Any:
        """See ``tf.experimental.dlpack``."""
        return tf.experimental.dlpack.from_dlpack(tensor.__dlpack__())

    def back(self, array: Any) -> Any:
        """See ``tf.experimental.dlpack``."""
        return dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(array)).clone()

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """By a tape."""
        with tf.GradientTape() as tape:
            tape.watch(primals)
            y = f(*primals)
        found = tape.gradient(y, primals, cotangents)
        return tuple(
            tf.zeros_like(p) if g is None else g for g, p in zip(found, primals, strict=True)
        )

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        """By a forward accumulator."""
        with tf.autodiff.ForwardAccumulator(list(primals), list(tangents)) as forward:
            y = f(*primals)
        return forward.jvp(y, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def vmap(self, f: Any, in_dims: Any) -> Any:
        """See ``tf.vectorized_map``, which maps the first dimension of each."""
        mapped = [dim is not None for dim in in_dims]

        def vectorized(*given: Any) -> Any:
            pairs = zip(given, in_dims, strict=True)
            held = lifting.Some(f, mapped, given)
            return tf.vectorized_map(
                lambda some: held(*some), [first(a, d) for a, d in pairs if d is not None]
            )

        return vectorized


class TensorFlowPadded(TensorFlow):
    """The same, the input padded beforehand: with explicit padding fewer gradients are offered."""

    version = f"{tf.__version__}, padded beforehand"

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y of the padded input."""
        x = tf.pad(x, [[0, 0], [0, 0], *map(list, padding)])
        none = ((0, 0), (0, 0))
        return super().conv(x, w, b, stride=stride, padding=none, dilation=dilation, groups=groups)


class TensorFlowXla(TensorFlow):
    """Compiled by XLA."""

    version = f"{tf.__version__} by XLA"
    compiles_per = "shape"

    def jit(self, f: Any) -> Any:
        """See ``tf.function``."""
        return tf.function(f, autograph=False, jit_compile=True)


def first(array: Any, dim: int) -> Any:
    """The array with this dimension before the others."""
    return tf.transpose(array, (dim, *(d for d in range(array.shape.rank) if d != dim)))
