"""The gradient of one bias in bfloat16: oneDNN writes past its end.

Exits 1 where a child process dies, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import torch
torch.set_num_threads(2)
for _ in range(100):
    X = torch.ones(1, 8192, 1, 1, dtype=torch.bfloat16)
    K = torch.ones(1, 8192, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    b = torch.ones(1, dtype=torch.bfloat16, requires_grad=True)
    torch.nn.functional.conv2d(X, K, b).backward()
    rest = [torch.ones(size) for size in range(1, 100)]
print(b.grad.item())
"""


def main() -> int:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    died = done.returncode < 0
    actual = f"killed by signal {-done.returncode}" if died else done.stdout.strip()
    print(f"expected 1.0; actual {actual}")
    return int(actual != "1.0")


if __name__ == "__main__":
    sys.exit(main())
