"""Convolution with a stride larger than its kernel: oneDNN writes past its buffer.

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
OF_ONE_CHANNEL = """
import torch
X = torch.ones(1, 80_000, 8, 1).permute(0, 3, 1, 2)
K = torch.ones(1, 1, 1, 8)
print(torch.nn.functional.conv2d(X, K, stride=(100, 1)).unique().tolist())
"""
PROGRAMS = {"[0.0, 100.0]": PROGRAM, "[8.0]": OF_ONE_CHANNEL}


def show(expected: str, program: str) -> bool:
    """Whether the defect shows; what should come out, and what does."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    died = done.returncode < 0
    actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    print(f"expected {expected}; actual {actual}")
    return actual != expected


def main() -> int:
    shown = [show(expected, program) for expected, program in PROGRAMS.items()]
    return int(any(shown))


if __name__ == "__main__":
    sys.exit(main())
