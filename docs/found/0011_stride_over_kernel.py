"""Convolution with a stride larger than its kernel in bfloat16: oneDNN writes past its buffer.

Exits 1 where a child process dies or Y is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import torch
for _ in range(20):
    X = torch.ones(2, 100, 90, 16, dtype=torch.bfloat16)
    K = torch.ones(48, 100, 1, 1, dtype=torch.bfloat16)
    Y = torch.nn.functional.conv2d(X, K, None, (5, 2), (0, 1))
    rest = [torch.ones(size) for size in range(1, 100)]
print(Y.unique().tolist())
"""


def main() -> int:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    died = done.returncode < 0
    actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    print(f"expected [0.0, 100.0]; actual {actual}")
    return int(actual != "[0.0, 100.0]")


if __name__ == "__main__":
    sys.exit(main())
