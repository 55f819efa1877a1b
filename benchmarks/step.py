"""`certify` around a training step of ResNet-50, over the bare step.

    python benchmarks/step.py [BATCH [SIZE]]

One thread, processor time, the least of several. Random weights; nothing is downloaded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from conv_reference.verification import certify


def main() -> None:
    torch.set_num_threads(1)
    given = [*map(int, sys.argv[1:])]
    batch, size = (*given, *(8, 224)[len(given) :])
    model = ResNetForImageClassification(ResNetConfig()).train()
    images = torch.randn(batch, 3, size, size)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        model(images).logits.square().mean().backward()

    step()
    bare = least(step, 5)
    print(f"ResNet-50, batch {batch}, {size}×{size}: the bare step takes {bare:.2f} s")
    in_place = least(lambda: judged(model, step, replayed=False))
    print(f"every call judged in place: {in_place / bare:.2f}")
    replayed = least(lambda: judged(model, step, replayed=True))
    print(f"and each kind of call replayed: {replayed / bare:.2f}")
    quiet, bare = between(model, step), min(bare, least(step, 5))
    of_all = (in_place + 99 * quiet) / 100
    print(f"with every=100: {quiet / bare:.4f} between, {of_all / bare:.4f} in all")


def judged(model: nn.Module, step: Callable[[], None], *, replayed: bool) -> None:
    with certify(model, replayed=replayed) as certificate:
        step()
    assert certificate.passed, str(certificate)


def between(model: nn.Module, step: Callable[[], None]) -> float:
    """Of a step that is not listened to, between two that are."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with certify(model, every=100, replayed=False):
        step()
        optimizer.step()
        return least(step, 5)


def least(function: Callable[[], None], repetitions: int = 3) -> float:
    times = []
    for _ in range(repetitions):
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    main()
