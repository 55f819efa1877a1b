"""dK of a strided 1×1 convolution in channels_last: oneDNN writes past its workspace.

Exits 1 where a child process dies or hangs, or dK is wrong; 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import torch
for _ in range(100):
    X = torch.ones(2, 1, 64, 64).as_strided((2, 1, 64, 64), (64 * 64, 1, 64, 1))  # channels_last
    K = torch.ones(1, 1, 1, 1, requires_grad=True)
    Y = torch.nn.functional.conv2d(X, K, stride=2)
    Y.sum().backward()
    if K.grad.item() != 2 * 32 * 32:
        print(K.grad.item())
        break
else:
    print(2048.0)
"""


def main() -> int:
    command = [sys.executable, "-c", PROGRAM]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        died = done.returncode < 0
        actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    except subprocess.TimeoutExpired:
        actual = "did not return within 60 s"
    print(f"expected 2048.0; actual {actual}")
    return int(actual != "2048.0")


if __name__ == "__main__":
    sys.exit(main())
