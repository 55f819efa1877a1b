"""TensorFlow alone: Y of an empty batch has the input's shape.

Exits 1 where it has, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import tensorflow as tf


def main() -> int:
    print("tensorflow", tf.__version__)
    wrong = 0
    for dtype in (tf.float64, tf.float32, tf.float16, tf.bfloat16):
        x, k = tf.zeros((0, 1, 2, 3), dtype), tf.ones((1, 2, 3, 5), dtype)
        found = tuple(tf.nn.conv2d(x, k, 1, "VALID").shape)
        print(f"{dtype.name}: expected (0, 1, 1, 5), is {found}")
        wrong |= int(found != (0, 1, 1, 5))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
