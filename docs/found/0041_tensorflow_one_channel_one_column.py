"""TensorFlow alone: Y of one channel is wrong where the output is one column wide.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf


def main() -> int:
    print("tensorflow", tf.__version__)
    r = np.random.default_rng(0)
    X = r.integers(-3, 4, (2, 7, 6, 1)).astype(np.float32)
    K = r.integers(-3, 4, (2, 4, 1, 2)).astype(np.float32)
    expected = np.stack(
        [np.einsum("nhw,hwo->no", X[:, i : i + 2, :4, 0], K[:, :, 0]) for i in range(6)], 1
    )
    wrong = 0
    for dtype in (tf.float64, tf.float32, tf.bfloat16):
        Y = tf.nn.conv2d(tf.cast(X, dtype), tf.cast(K, dtype), (1, 3), "VALID")
        found = tf.cast(Y, tf.float32).numpy()[:, :, 0]
        differ = int((found != expected).sum())
        print(f"{dtype.name}: {differ} of {expected.size} elements wrong")
        wrong |= differ
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
