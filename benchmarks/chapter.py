"""The chapter's experiment: its time beside the same loop on torch's conv2d, and its loss.

    python benchmarks/chapter.py

Reads Fashion-MNIST where ``conv-reference chapter`` finds it.
"""

from __future__ import annotations

import time
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.chapter.data import load
from conv_reference.chapter.targets import EDGE_DETECTOR
from conv_reference.chapter.training import Run, Settings

ROUNDS = 5


def train_with_torch(images: Tensor, settings: Settings) -> Tensor:
    """The same loop on ``torch.nn.functional.conv2d``."""
    generator = torch.Generator().manual_seed(settings.seed)
    fixed = torch.tensor(EDGE_DETECTOR)[None, None]
    kernel = torch.rand(1, 1, 3, 3, generator=generator).requires_grad_()
    optimizer = torch.optim.SGD([kernel], lr=settings.learning_rate)
    order = torch.randperm(len(images), generator=generator)
    losses = []
    for indices in torch.split(order, settings.batch_size):
        minibatch = images[indices][:, None]
        optimizer.zero_grad()
        loss = ((conv2d(minibatch, kernel) - conv2d(minibatch, fixed)) ** 2).mean()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    return kernel.detach()


def main() -> None:
    images = load().images()
    ratios = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        Run(images, Settings()).finish()
        middle = time.perf_counter()
        train_with_torch(images, Settings())
        ratios.append((middle - start) / (time.perf_counter() - middle))
    print(f"one epoch: {median(ratios):.2f} times torch's (median of {ROUNDS})")
    for seed in range(10):
        run = Run(images, Settings(seed=seed)).finish()
        print(f"seed {seed}: loss {run.final_loss:.2e}, greatest difference {run.error:.3f}")


if __name__ == "__main__":
    main()
