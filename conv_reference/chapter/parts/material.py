"""What every part is made from, and how much of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.training import Settings

Gettext = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is computed; the full plan takes minutes, the quick one seconds."""

    quick: bool
    filter_images: int  # for each of the classic filters
    patient_epochs: int  # in which the filter that is learned slowest is learned after all
    literal_images: int  # for the comparison of layers, one of which is slow
    full_batch: int  # images in the full-batch measurement of the limit
    full_batch_steps: int
    # Batch size → images in the measurement of the limit with minibatches.
    minibatches: Mapping[int, int]
    spread_sizes: tuple[int, ...]  # kernels of exercise 2
    spread_draws: int
    spread_images: int
    run_sizes: tuple[int, ...]  # kernels that are trained in exercise 2
    run_images: int
    sides: tuple[int, ...]  # of the images whose cost is measured


FULL = Plan(
    quick=False,
    filter_images=60_000,
    patient_epochs=5,
    literal_images=1280,
    full_batch=500,
    full_batch_steps=60,
    minibatches={1: 3000, 8: 16_000, 64: 60_000},
    spread_sizes=(3, 5, 7, 9, 11),
    spread_draws=100,
    spread_images=200,
    run_sizes=(3, 5, 7),
    run_images=20_000,
    sides=(8, 12, 16, 24, 32, 48, 64),
)
QUICK = Plan(
    quick=True,
    filter_images=6400,
    patient_epochs=20,
    literal_images=320,
    full_batch=50,
    full_batch_steps=60,
    minibatches={8: 1600, 64: 6400},
    spread_sizes=(3, 5, 7),
    spread_draws=40,
    spread_images=50,
    run_sizes=(3, 5),
    run_images=3200,
    sides=(8, 16, 32, 64),
)
QUICK_IMAGES = 12_800


@dataclass(frozen=True)
class Material:
    """What a page is made from."""

    pixels: UInt8[Tensor, "n h w"]
    settings: Settings  # of the experiment; the other parts take its seed
    plan: Plan = field(default=FULL)

    def images(self, count: int | None = None) -> Float[Tensor, "m h w"]:
        """The first images, scaled to 0..1; fewer when there are fewer."""
        return self.pixels[:count].to(torch.float32) / 255


@runtime_checkable
class Part(Protocol):
    """One part of the page, computed."""

    @classmethod
    def compute(cls, material: Material) -> Part:
        """Run what the part describes."""
        ...

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """Draw its figures, by name, with labels in the reader's language."""
        ...
