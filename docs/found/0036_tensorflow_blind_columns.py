"""TensorFlow alone: bfloat16 kills the process where output columns see only padding.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

CODE = """
import tensorflow as tf

x, k = tf.ones((2, 6, 1, 1), tf.bfloat16), tf.ones((1, 1, 1, 1), tf.bfloat16)
for _ in range(200):
    y = tf.nn.conv2d(x, k, (1, 3), [[0, 0], [2, 1], [2, 2], [0, 0]], dilations=(1, 2))
print(tf.__version__, float(tf.reduce_max(tf.abs(y))))
"""


def main() -> int:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    print("expected 0.0: both columns of Y see only padding")
    print("actual  ", done.stdout.strip() or f"status {done.returncode}")
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
