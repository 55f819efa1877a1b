"""The experiment: a kernel learns, from images alone, what a fixed edge detector does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from conv_reference.layer import ConvLayer_1, FastConvLayer_1, Init

# The chapter calls it a detector of vertical edges. It subtracts the row above from the
# row below, so it answers where brightness changes downwards: to horizontal edges.
EDGE_DETECTOR = ((-1.0, -1.0, -1.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

Progress = Callable[[int, int, float], None]  # minibatches done, of how many, the last loss


@dataclass(frozen=True)
class Settings:
    """What one run of the experiment depends on, beside the images.

    Raises:
        ValueError: when a value is outside its range.
    """

    learning_rate: float = 0.1  # more than 0, finite
    batch_size: int = 64  # at least 1
    epochs: int = 1  # at least 1
    init: Init = "unit"
    seed: int = 0  # at least 0; of the first kernel and of the order of the images
    literal: bool = False  # the forward pass position by position, as the chapter writes it

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(
                f"the learning rate must be finite and more than 0, got {self.learning_rate}"
            )
        for name, value, least in (
            ("batch size", self.batch_size, 1),
            ("number of epochs", self.epochs, 1),
            ("seed", self.seed, 0),
        ):
            if value < least:
                raise ValueError(f"the {name} must be at least {least}, got {value}")


@dataclass(frozen=True)
class Run:
    """How it went."""

    settings: Settings
    images: int
    losses: tuple[float, ...]  # one for each minibatch
    kernel: Float[Tensor, "3 3"]  # learned

    @property
    def final_loss(self) -> float:
        """The mean loss of the last 100 minibatches, or of all when there are fewer."""
        last = self.losses[-100:]
        return sum(last) / len(last)


def edge_detector(layer_class: type[ConvLayer_1] = FastConvLayer_1) -> ConvLayer_1:
    """The target: the chapter's fixed kernel, with gradients off."""
    with torch.random.fork_rng(devices=[]):  # it draws a kernel, of which nothing stays
        layer = layer_class((3, 3))
    layer.kernel = nn.Parameter(torch.tensor(EDGE_DETECTOR), requires_grad=False)
    return layer


def train(
    images: Float[Tensor, "n h w"], settings: Settings, progress: Progress | None = None
) -> Run:
    """Learn the edge detector by stochastic gradient descent.

    The loss is the mean of the squared differences over the minibatch and all positions.
    A run that is interrupted (``KeyboardInterrupt``) loses its kernel.

    Args:
        images: (N, H, W), scaled to 0..1, at least 3×3.
        settings: of the run.
        progress: told after each minibatch.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    layer_class = ConvLayer_1 if settings.literal else FastConvLayer_1
    target, layer = edge_detector(layer_class), _seeded(layer_class, settings)
    optimizer = torch.optim.SGD(layer.parameters(), lr=settings.learning_rate)
    losses: list[float] = []
    per_epoch = math.ceil(len(images) / settings.batch_size)
    for _ in range(settings.epochs):
        order = torch.randperm(len(images), generator=generator)
        for indices in torch.split(order, settings.batch_size):
            minibatch = images[indices]
            optimizer.zero_grad()
            loss = ((layer(minibatch) - target(minibatch)) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if progress is not None:
                progress(len(losses), per_epoch * settings.epochs, losses[-1])
    return Run(
        settings=settings,
        images=len(images),
        losses=tuple(losses),
        kernel=layer.kernel.detach().clone(),
    )


def _seeded(layer_class: type[ConvLayer_1], settings: Settings) -> ConvLayer_1:
    """A layer drawn from the seed, with the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return layer_class((3, 3), init=settings.init)
