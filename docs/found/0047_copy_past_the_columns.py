"""dX of a stride along a row: the copy of G is written wider than its buffer.

Exits 1 where a dX is wrong with two threads, or where the process dies with many channels; 0 where
the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, torch
threads, height, width, outputs, columns, padding = map(int, sys.argv[1:])
torch.set_num_threads(threads)
X = torch.ones(8, 1, height, width, requires_grad=True)
K = torch.ones(outputs, 1, 1, columns)
Y = torch.nn.functional.conv2d(X, K, stride=2, padding=(0, padding))
expected = torch.zeros(height, width)
for j in range(Y.shape[3]):
    for b in range(columns):
        if 0 <= 2 * j + b - padding < width:
            expected[::2, 2 * j + b - padding] += outputs
G = torch.ones_like(Y)
calls = [torch.autograd.grad(Y, X, G, retain_graph=True)[0] for _ in range(200)]
print(sum(not torch.equal(dX[:, 0], expected.expand(8, -1, -1)) for dX in calls))
"""
CASES = {"two threads": (2, 9, 5, 1024, 5, 1), "many channels": (1, 3, 3, 16_000, 3, 0)}


def answer(case: tuple[int, ...]) -> str:
    command = [sys.executable, "-c", PROGRAM, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    return f"{done.stdout.strip()} of 200 wrong"


def main() -> int:
    answers = {name: answer(case) for name, case in CASES.items()}
    for name, actual in answers.items():
        print(f"{name}: expected 0 of 200 wrong; actual {actual}")
    return int(any(actual != "0 of 200 wrong" for actual in answers.values()))


if __name__ == "__main__":
    sys.exit(main())
