"""gradcheck, fast and slow, beside certify on the same layers: what each costs and establishes.

    python benchmarks/gradcheck.py

One thread, processor time, 3×3 kernels with padding 1, as many channels out as in. Slow gradcheck
calls the layer twice for each element of input, kernel and bias; where that would take more than
half a minute it is computed from the time of a call, and marked so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.autograd import gradcheck
from torch.nn.functional import conv2d

from conv_reference.verification import certify

SHAPES = ((1, 1, 4, 4), (2, 3, 8, 8), (4, 16, 14, 14), (16, 64, 56, 56))
MOST = 30.0  # seconds


def main() -> None:
    torch.set_num_threads(1)
    print("| input | layer | certify | gradcheck, fast | gradcheck, slow |\n|---|---|---|---|---|")
    for shape in SHAPES:
        print(f"| {' × '.join(map(str, shape))} | {' | '.join(row(shape))} |", flush=True)


def row(shape: tuple[int, int, int, int]) -> list[str]:
    c = shape[1]
    tensors = [torch.randn(*shape), torch.randn(c, c, 3, 3), torch.randn(c)]
    single = [tensor.requires_grad_() for tensor in tensors]
    double = [tensor.detach().double().requires_grad_() for tensor in tensors]

    def layer(leaves: list[torch.Tensor]) -> torch.Tensor:
        X, K, b = leaves
        return conv2d(X, K, b, padding=1)

    def step() -> None:
        torch.autograd.grad(layer(single).square().sum(), single)

    def certified() -> None:
        with certify() as certificate:
            step()
        assert certificate.passed, str(certificate)

    def checked(*, fast: bool) -> None:
        assert gradcheck(lambda *leaves: layer([*leaves]), double, fast_mode=fast)

    one = seconds(lambda: layer(double).detach())
    calls = 2 * sum(tensor.numel() for tensor in double)
    slow = one * calls
    took = seconds(lambda: checked(fast=False)) if slow < MOST else slow
    said = time_of(took) if slow < MOST else f"{time_of(took)}, by its {calls:,} calls"
    return [
        time_of(seconds(step)),
        time_of(seconds(certified)),
        time_of(seconds(lambda: checked(fast=True))),
        said,
    ]


def seconds(function: Callable[[], object]) -> float:
    """The least of two."""
    times = []
    for _ in range(2):
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times)


def time_of(took: float) -> str:
    if took < 1:
        return f"{took * 1e3:.1f} ms"
    return f"{took:.1f} s" if took < 3600 else f"{took / 86400:.1f} days"


if __name__ == "__main__":
    main()
