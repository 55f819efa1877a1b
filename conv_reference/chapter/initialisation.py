"""Exercise 2: how widely a first kernel spreads the output, in theory and measured.

The elements of a first kernel are independent, with mean μ and variance σ². Over kernels and
patches, Y = k·p has E[Y] = μ Σ E[p], E[Y²] = σ² tr A + μ² 1ᵀA1. U[0, 1] has μ = 1/2 and
σ² = 1/12: the second term grows like the square of K, the number of elements. U[-1/√K, 1/√K]
has μ = 0 and σ² = 1/(3K), which leaves a third of the mean square of a pixel, whatever K is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from conv_reference.chapter.curvature import curvature, mean_patch
from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.targets import target_kernel
from conv_reference.chapter.training import Run, Settings
from conv_reference.layer import ConvLayer_1

INITS = ("unit", "scaled")


@dataclass(frozen=True)
class Spread:
    """One initialisation at one kernel size; each pair is (theory, measured)."""

    init: str
    size: int  # the kernel has size × size elements
    variance: tuple[float, float]  # of the output, over kernels, images and positions
    loss: tuple[float, float]  # at the start, the mean over kernels

    @property
    def elements(self) -> int:
        """K."""
        return self.size**2


@dataclass(frozen=True)
class TorchDefault:
    """What ``nn.Conv2d`` draws for one channel, beside 1/√K."""

    size: int
    bound: float  # 1/√K
    greatest: float  # of the absolute values drawn
    variance: tuple[float, float]  # 1/(3K), and of what was drawn


def moments(init: str, elements: int) -> tuple[float, float]:
    """Mean and variance of one element of a first kernel.

    >>> moments("unit", 9) == (1 / 2, 1 / 12), moments("scaled", 4) == (0, 1 / 12)
    (True, True)
    """
    return (0.5, 1 / 12) if init == "unit" else (0.0, 1 / (3 * elements))


def spread(images: Float[Tensor, "n h w"], init: str, size: int, draws: int) -> Spread:
    """Theory and measurement at one kernel size.

    Args:
        images: at least as large as the kernel.
        init: ``"unit"`` or ``"scaled"``.
        size: of the kernel, at least 3.
        draws: how many first kernels are measured, at least 2.
    """
    A, fixed = curvature(images, (size, size)), target_kernel("edge", (size, size))
    mean, variance = moments(init, size**2)
    trace, ones = float(A.matrix.trace()), torch.ones(size**2, dtype=torch.float64)
    patch = float(mean_patch(images, (size, size)).sum())
    expected = variance * trace + mean**2 * float(ones @ A.matrix @ ones) - (mean * patch) ** 2
    start = variance * trace + A.loss(torch.full((size, size), mean) - fixed)
    targets = make_filter("chapter", fixed, learns=False)(images)
    sums, squares, losses = 0.0, 0.0, 0.0
    for kernel in _draws(init, size, draws):
        outputs = make_filter("chapter", kernel, learns=False)(images)
        sums += float(outputs.mean()) / draws
        squares += float(outputs.square().mean()) / draws
        losses += float((outputs - targets).square().mean()) / draws
    return Spread(init, size, (expected, squares - sums**2), (start, losses))


def _draws(init: str, size: int, draws: int) -> Iterator[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kernels = [ConvLayer_1((size, size), init=init).kernel.detach() for _ in range(draws)]
    yield from kernels


def train_both(images: Float[Tensor, "n h w"], size: int, seed: int) -> tuple[Run, Run]:
    """The run from U[0, 1] and the one from U[-1/√K, 1/√K], at half the stable learning rate."""
    rate = curvature(images[:2000], (size, size)).threshold / 2
    unit, scaled = (
        Run(
            images,
            Settings(learning_rate=rate, kernel_size=(size, size), init=init, seed=seed),
        ).finish()
        for init in INITS
    )
    return unit, scaled


def torch_default(size: int, draws: int = 20_000) -> TorchDefault:
    """Measure the kernels that ``nn.Conv2d`` begins with, one input channel.

    torch calls ``kaiming_uniform_`` with a = √5: the bound √(6 / ((1 + a²) K)) is 1/√K.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = nn.Conv2d(1, max(1, draws // size**2), size).weight.detach().double()
    return TorchDefault(
        size,
        1 / math.sqrt(size**2),
        float(weights.abs().max()),
        (1 / (3 * size**2), float(weights.square().mean())),
    )
