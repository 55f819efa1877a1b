"""dX of float32 with a large stride along a row: an offset overflows, and the process dies.

Exits 1 where a child process dies, or dX is wrong; 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

STRIDE, CHANNELS, COLUMNS = 4_101, 16, 10  # 4101² · 16 · 10 lies between 2^31 and 2^32
PROGRAM = f"""
import torch
torch.set_num_threads(1)
width = {STRIDE} * ({COLUMNS} - 1) + 1
X = torch.ones(1, {CHANNELS}, 1, width, requires_grad=True)
K = torch.ones(1, {CHANNELS}, 1, 1)
torch.nn.functional.conv2d(X, K, stride=(1, {STRIDE})).sum().backward()
print(X.grad.sum().item())
"""


def main() -> int:
    expected = str(float(CHANNELS * COLUMNS))  # each column of Y reads one pixel of each channel
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    died = done.returncode < 0
    actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    print(f"expected {expected}; actual {actual}")
    return int(actual != expected)


if __name__ == "__main__":
    sys.exit(main())
