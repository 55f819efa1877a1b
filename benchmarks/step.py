"""`certify` around a training step of ResNet-50, over the bare step.

    python benchmarks/step.py [BATCH [SIZE]]

One thread, processor time, the least of three. Random weights; nothing is downloaded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
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

    def judged(*, replayed: bool) -> None:
        with certify(model, replayed=replayed) as certificate:
            step()
        assert certificate.passed, str(certificate)

    step()
    bare = least(step)
    print(f"ResNet-50, batch {batch}, {size}×{size}: the bare step takes {bare:.2f} s")
    print(f"every call judged in place: {least(lambda: judged(replayed=False)) / bare:.2f}")
    print(f"and each kind of call replayed: {least(lambda: judged(replayed=True)) / bare:.2f}")


def least(function: Callable[[], None], repetitions: int = 3) -> float:
    times = []
    for _ in range(repetitions):
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    main()
