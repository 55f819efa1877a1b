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
SECOND = """
import torch
X = torch.ones(3, 2, 1, 2, dtype=torch.bfloat16, requires_grad=True)
K = torch.ones(2, 2, 1, 3, dtype=torch.bfloat16, requires_grad=True)
Y = torch.nn.functional.conv2d(X, K, torch.ones(2, dtype=torch.bfloat16), (2, 3), (1, 3))
G = torch.ones_like(Y, requires_grad=True)
dX, dK = torch.autograd.grad(Y, (X, K), G, create_graph=True)
torch.autograd.grad(dX.sum() + dK.sum(), G)
print(Y.unique().tolist())
"""


def main() -> int:
    crashed = False
    programs = {d: PROGRAM.format(sizes=sizes, dtype=d) for d, sizes in CALLS.items()}
    programs["bfloat16, second derivative"] = SECOND
    for dtype, program in programs.items():
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
