"""dX of a stride along a row: the copy of G is written wider than its buffer.

Of conv2d, conv1d, and the functions that hand back such a dX: those of conv_transpose, and
torch.nn.grad's. Exits 1 where one is wrong with two threads, or where the process dies with many
channels; 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, torch
operator = sys.argv[1]
threads, samples, height, width, outputs, columns, padding = map(int, sys.argv[2:])
torch.set_num_threads(threads)
X = torch.ones(samples, 1, height, width, requires_grad=True)
K = torch.ones(outputs, 1, 1, columns)
stride, padding = (2, 2), (0, padding)
Y = torch.nn.functional.conv2d(X.detach(), K, stride=stride, padding=padding)
expected = torch.zeros(height, width)
for j in range(Y.shape[3]):
    for b in range(columns):
        if 0 <= 2 * j + b - padding[1] < width:
            expected[::2, 2 * j + b - padding[1]] += outputs
G = torch.ones_like(Y)
if operator == "conv2d":
    Y = torch.nn.functional.conv2d(X, K, stride=stride, padding=padding)
    call = lambda: torch.autograd.grad(Y, X, G, retain_graph=True)[0]
elif operator == "conv2d_input":
    call = lambda: torch.nn.grad.conv2d_input(X.shape, K, G, stride=stride, padding=padding)
elif operator == "conv_transpose2d":
    call = lambda: torch.nn.functional.conv_transpose2d(G, K, stride=stride, padding=padding)
else:  # the same in one dimension: each row is a sample
    K, G = K[:, :, 0], G.transpose(1, 2).flatten(0, 1).contiguous()
    expected, stride, padding = expected[::2], 2, padding[1]
    row = X[:, :, ::2].transpose(1, 2).reshape(-1, 1, width).detach().requires_grad_()
    Y = torch.nn.functional.conv1d(row, K, stride=stride, padding=padding)
    if operator == "conv1d":
        one = lambda: torch.autograd.grad(Y, row, G, retain_graph=True)[0]
    else:
        one = lambda: torch.nn.functional.conv_transpose1d(G, K, stride=stride, padding=padding)
    call = lambda: one().reshape(samples, -1, width)
found = [call().reshape(samples, -1, width) for _ in range(50)]
print(sum(not torch.equal(dX, expected.expand(samples, -1, -1)) for dX in found))
"""
TWO_THREADS, MANY_CHANNELS = (2, 8, 9, 5, 1024, 5, 1), (1, 8, 3, 3, 16_000, 3, 0)
OPERATORS = ("conv2d", "conv2d_input", "conv_transpose2d", "conv1d", "conv_transpose1d")
CASES = {
    **{f"{operator}, two threads": (operator, *TWO_THREADS) for operator in OPERATORS},
    **{f"{operator}, many channels": (operator, *MANY_CHANNELS) for operator in OPERATORS},
    # Torch counts the numbers of the first argument: of conv_transpose2d these are G's.
    "conv_transpose2d, many channels, one sample": ("conv_transpose2d", 1, 1, 3, 3, 16_000, 3, 0),
}


def answer(case: tuple[str | int, ...]) -> str:
    command = [sys.executable, "-c", PROGRAM, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    return f"{done.stdout.strip()} of 50 wrong"


def main() -> int:
    shown = 0
    for name, case in CASES.items():
        actual = answer(case)
        print(f"{name}: expected 0 of 50 wrong; actual {actual}", flush=True)
        shown |= actual != "0 of 50 wrong"
    return int(shown)


if __name__ == "__main__":
    sys.exit(main())
