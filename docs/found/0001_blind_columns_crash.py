"""Convolution whose output columns all see only padding: channels_last kills the process.

Exits 1 where a child process dies, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

CALLS = {
    "bfloat16": "(1, 2, 2, 1), (1, 2, 1, 1), (1, 2), (0, 1), (1, 2)",
    "float32": "(3, 2, 8, 1), (2, 2, 2, 1), (3, 2), (3, 1), (2, 2)",
}
PROGRAM = """
import torch
input, weight, stride, padding, dilation = {sizes}
X = torch.ones(input, dtype=torch.{dtype})
K = torch.ones(weight, dtype=torch.{dtype}).contiguous(memory_format=torch.channels_last)
if K.is_contiguous():
    X = X.contiguous(memory_format=torch.channels_last)
b = torch.ones(weight[0], dtype=torch.{dtype})
print(torch.nn.functional.conv2d(X, K, b, stride, padding, dilation).unique().tolist())
"""


def main() -> int:
    crashed = False
    for dtype, sizes in CALLS.items():
        program = PROGRAM.format(sizes=sizes, dtype=dtype)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        died = done.returncode < 0
        actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
        print(f"{dtype}: expected the bias everywhere, [1.0]; actual {actual}")
        crashed |= died
    return int(crashed)


if __name__ == "__main__":
    sys.exit(main())
