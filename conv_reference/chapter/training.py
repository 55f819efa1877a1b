"""The experiment: a kernel learns, from images alone, what a fixed filter does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from conv_reference.chapter.filters import LAYERS, make_filter
from conv_reference.chapter.targets import target_kernel
from conv_reference.layer import ConvLayer_1, Init

# What torch accepts: a step that float32 holds, a seed of 64 bits.
_GREATEST_RATE = torch.finfo(torch.float32).max
_GREATEST_SEED = 2**64 - 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run of the experiment depends on, beside the images.

    Raises:
        ValueError: when a value is outside its range.
    """

    learning_rate: float = 0.1  # more than 0, finite in float32
    batch_size: int = 64  # at least 1
    epochs: int = 1  # at least 1
    kernel_size: tuple[int, int] = (3, 3)  # each at least 3, since the filters are 3×3
    init: Init | str = "unit"
    target: str = "edge"
    layer: str = "chapter"  # what computes both filters
    seed: int = 0  # 0..2^64 - 1; of the first kernel and of the order of the images

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate <= _GREATEST_RATE:
            raise ValueError(
                f"the learning rate must be finite and more than 0, got {self.learning_rate}"
            )
        for name, value in (("batch size", self.batch_size), ("number of epochs", self.epochs)):
            if value < 1:
                raise ValueError(f"the {name} must be at least 1, got {value}")
        if not 0 <= self.seed <= _GREATEST_SEED:
            raise ValueError(
                f"the seed must be at least 0 and at most {_GREATEST_SEED}, got {self.seed}"
            )
        if self.layer not in LAYERS:
            raise ValueError(f"the layer must be one of {tuple(LAYERS)}, got {self.layer!r}")
        self.fixed_kernel()
        self.first_kernel()

    def fixed_kernel(self) -> Float[Tensor, "kh kw"]:
        """K, which is to be learned."""
        return target_kernel(self.target, self.kernel_size)

    def first_kernel(self) -> Float[Tensor, "kh kw"]:
        """The kernel that learning begins with; the same for every layer."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return ConvLayer_1(self.kernel_size, init=self.init).kernel.detach()

    def minibatches(self, images: int) -> int:
        """How many there are in a whole run; the last one of an epoch may be smaller."""
        return math.ceil(images / self.batch_size) * self.epochs


@dataclass(frozen=True)
class Step:
    """One minibatch."""

    loss: float  # before the kernel moved
    kernel: Float[Tensor, "kh kw"]  # after it


def descend(images: Float[Tensor, "n h w"], settings: Settings) -> Iterator[Step]:
    """Learn the fixed filter by stochastic gradient descent, one minibatch at a time.

    The loss is the chapter's, ``((mine - target) ** 2).mean()`` over the minibatch and all
    positions.

    Raises:
        ValueError: when the kernel does not fit into the images.
    """
    require_fit(images, settings)
    target = make_filter(settings.layer, settings.fixed_kernel(), learns=False)
    mine = make_filter(settings.layer, settings.first_kernel())
    optimizer = torch.optim.SGD([mine.weight], lr=settings.learning_rate)
    for indices in minibatches(len(images), settings):
        minibatch = images[indices]
        optimizer.zero_grad()
        loss = ((mine(minibatch) - target(minibatch)) ** 2).mean()
        torch.autograd.backward(loss)
        optimizer.step()
        yield Step(loss.item(), mine.kernel)


def minibatches(images: int, settings: Settings) -> Iterator[Int64[Tensor, " m"]]:
    """The images of each minibatch, in the order that the seed decides."""
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.epochs):
        yield from torch.split(torch.randperm(images, generator=generator), settings.batch_size)


@dataclass
class Run:
    """A run of the experiment, as far as it has come.

    >>> images = torch.rand(64, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> run = Run(images, Settings(batch_size=32))
    >>> for step in run:
    ...     print(f"{step.loss:.1f}")
    5.2
    1.8
    >>> run.done, run.of, tuple(run.kernel.shape)
    (2, 2, (3, 3))

    Raises:
        ValueError: when the kernel does not fit into the images.
    """

    images: Float[Tensor, "n h w"]
    settings: Settings
    losses: list[float] = field(default_factory=list, init=False)  # one for each minibatch
    # The first kernel, and the one after each minibatch.
    kernels: list[Float[Tensor, "kh kw"]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        require_fit(self.images, self.settings)
        self.kernels.append(self.settings.first_kernel())

    def __iter__(self) -> Iterator[Step]:
        """Train from the start, and remember how it goes.

        Whoever stops early keeps what was reached. A loss that is no longer finite ends it:
        nothing comes back from there.
        """
        self.losses.clear()
        del self.kernels[1:]
        for step in descend(self.images, self.settings):
            self.losses.append(step.loss)
            self.kernels.append(step.kernel)
            yield step
            if self.diverged:
                return

    def finish(self) -> Run:
        """Train to the end.

        Returns:
            This run.
        """
        for _ in self:
            pass
        return self

    @property
    def kernel(self) -> Float[Tensor, "kh kw"]:
        """Learned so far."""
        return self.kernels[-1]

    @property
    def done(self) -> int:
        """Minibatches seen."""
        return len(self.losses)

    @property
    def of(self) -> int:
        """Minibatches in the whole run."""
        return self.settings.minibatches(len(self.images))

    @property
    def diverged(self) -> bool:
        """Whether the kernel or the loss left the numbers that float32 holds."""
        return not (
            bool(self.kernel.isfinite().all()) and all(map(math.isfinite, self.losses[-1:]))
        )

    @property
    def final_loss(self) -> float:
        """The mean loss of the last 100 minibatches, or of all when there are fewer.

        Not a number before the first.
        """
        last = self.losses[-100:]
        return sum(last) / len(last) if last else math.nan

    @property
    def error(self) -> float:
        """The greatest difference between an element of the learned kernel and of K."""
        return float((self.kernel - self.settings.fixed_kernel()).abs().max())


def require_fit(images: Float[Tensor, "n h w"], settings: Settings) -> None:
    """Refuse images smaller than the kernel.

    Raises:
        ValueError: names both sizes.
    """
    (kh, kw), (height, width) = settings.kernel_size, images.shape[1:]
    if kh > height or kw > width:
        raise ValueError(
            f"the kernel must fit into the images: it has {kh}×{kw} and they have {height}×{width}"
        )
