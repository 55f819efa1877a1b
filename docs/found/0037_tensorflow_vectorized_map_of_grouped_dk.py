"""TensorFlow alone: vectorized_map of a grouped dK over G is wrong, where X is the same for all.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import tensorflow as tf


def main() -> int:
    print("tensorflow", tf.__version__)
    x = tf.constant([1.0, 10.0], shape=(1, 1, 1, 2))  # one pixel of two channels
    k = tf.ones((1, 1, 1, 2))  # two groups of one channel and one kernel
    G = tf.constant([[1.0, 2.0], [3.0, 4.0]], shape=(2, 1, 1, 1, 2))  # two upstream gradients

    def dk(g: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(k)
            y = tf.nn.conv2d(x, k, 1, "VALID")
        return tape.gradient(y, k, g)

    looped = tf.reshape(tf.stack([dk(g) for g in G]), (2, 2))
    mapped = tf.reshape(tf.vectorized_map(dk, G), (2, 2))
    print("a loop of calls:", looped.numpy().tolist())
    print("vectorized_map :", mapped.numpy().tolist())
    return int(bool(tf.reduce_any(looped != mapped)))


if __name__ == "__main__":
    sys.exit(main())
