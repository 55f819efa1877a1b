"""TensorFlow alone: bfloat16, padded by more columns than Y has: foreign memory is written over.

Exits 1 where a child process dies or Y is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import tensorflow as tf
X, K = tf.ones((1, 64, 46, 3), tf.bfloat16), tf.ones((3, 7, 3, 2), tf.bfloat16)
for _ in range(300):
    Y = tf.nn.conv2d(X, K, (1, 13), [[0, 0], [0, 0], [5, 5], [0, 0]])
    rest = [tf.ones((size,)) for size in range(1, 100)]
print(sorted({*tf.cast(Y, tf.float32).numpy().ravel().tolist()}))
"""
EXPECTED = "[18.0, 63.0]"  # 3·3 products in each of the 2 columns that are no padding, or of all 7


def main() -> int:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    died = done.returncode < 0
    actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    print(f"expected {EXPECTED}; actual {actual}")
    return int(actual != EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
