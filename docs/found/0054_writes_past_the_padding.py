"""bfloat16 in channels_last, padded by more columns than Y has: foreign memory is written over.

Exits 1 where a child process dies or Y is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import torch
X = torch.ones(1, 64, 46, 3, dtype=torch.bfloat16).permute(0, 3, 1, 2)
K = torch.ones(2, 3, 3, 7, dtype=torch.bfloat16)
for _ in range(300):
    Y = torch.nn.functional.conv2d(X, K, None, (1, 13), (0, 5))
    rest = [torch.ones(size) for size in range(1, 100)]
print(Y.unique().tolist())
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
