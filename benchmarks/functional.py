"""functional.conv2d beside torch's own, forward and with gradients, as ratios in one run.

python -m benchmarks.functional
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import real_operands

GEOMETRY = Geometry.parse("n8 c16 h32 w32 o32 k3")
ROUNDS = 21


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    than: str = "torch's",
) -> None:
    """Print the median ratio of calls in turn, after one round that does not count."""
    rounds = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS + 1)][1:]
    ratio = median(a / b for a, b in rounds)
    ms = median(a for a, _ in rounds) * 1e3
    print(f"{name:<28} {ratio:5.2f} times {than}  ({ms:.2f} ms)")


def main() -> None:
    operands = real_operands(GEOMETRY, torch.float64, seed=0)
    X, K, G = operands.input, operands.weight, operands.grad_output
    leaves = (X.clone().requires_grad_(), K.clone().requires_grad_())

    def torchs() -> object:
        return torch.autograd.grad(conv2d(*leaves), leaves, G)

    def by_autograd() -> object:
        return torch.autograd.grad(functional.conv2d(*leaves), leaves, G)

    def by_closed_form() -> object:
        return (
            functional.output(X, K, GEOMETRY),
            functional.grad_input(G, K, GEOMETRY),
            functional.grad_weight(G, X, GEOMETRY),
        )

    print(f"{GEOMETRY}, float64, {torch.get_num_threads()} threads, median of {ROUNDS}")
    compare("forward", lambda: functional.conv2d(X, K), lambda: conv2d(X, K))
    compare("forward, closed gradients", by_closed_form, torchs)
    compare("forward, autograd", by_autograd, torchs)


if __name__ == "__main__":
    main()
