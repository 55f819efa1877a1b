"""TensorFlow on the CPU, eager: ``tf.nn.conv2d`` with tapes, accumulators and vectorized_map."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from torch.utils import dlpack

from conv_reference.verification import Framework


class TensorFlow(Framework):
    """Channels last. Groups and dilated gradients it has on a GPU alone, and says so."""

    name, version = "TensorFlow", tf.__version__
    options = ("bias", "stride", "padding")
    refusals = ((tf.errors.UnimplementedError, ""), (LookupError, "radient"))

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y, and back to channels first."""
        del groups  # 1: the CPU has no grouped gradients
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


class TensorFlowXla(TensorFlow):
    """Compiled by XLA."""

    compiles_per = "shape"

    def jit(self, f: Any) -> Any:
        """See ``tf.function``."""
        return tf.function(f, autograph=False, jit_compile=True)
