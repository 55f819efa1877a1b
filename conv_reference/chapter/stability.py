"""Exercise 1, for minibatches: where stochastic gradient descent stops converging.

Each minibatch has a curvature A_b of its own, so d is multiplied by random matrices I - 2 η A_b.
Two limits come of it. *In the mean square*, E[d dᵀ] shrinks while the spectral radius of
S → E[(I - 2 η A_b) S (I - 2 η A_b)] is below 1; rare steep minibatches pull this limit below
1/λmax. *Of a typical run*, |d| shrinks while its mean logarithm falls: with λ_b scattered about
λmax that is E[log |1 - 2 η λ_b|] < 0, and as the logarithm is concave, this limit lies above
1/λmax.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from conv_reference.chapter.curvature import Curvature
from conv_reference.chapter.training import Run, Settings

_STEPS, _CHAINS = 800, 32  # of the typical limit: minibatches in a row, and how often


@dataclass(frozen=True)
class Interval:
    """Between the greatest rate that was seen to converge and the least that was not."""

    converges: float
    diverges: float
    trials: int = 0  # how many runs it took

    @property
    def middle(self) -> float:
        """Its geometric middle."""
        return float((self.converges * self.diverges) ** 0.5)


def bisect(
    diverges: Callable[[float], bool], start: float, *, factor: float = 10, precision: float = 0.005
) -> Interval:
    """Find the rate above which something diverges, without an idea of where it lies.

    Args:
        diverges: whether it does at a rate; false below some rate and true above.
        start: a rate, more than 0.
        factor: more than 1; in such strides the limit is sought at first.
        precision: how far apart the ends may be in the end, relatively.

    >>> found = bisect(lambda rate: rate > 0.7, 1e-3)
    >>> found.converges <= 0.7 < found.diverges < 0.7 * 1.005
    True
    """
    trials = 1
    low = high = start
    if diverges(start):
        while diverges(low := low / factor):
            trials += 1
            high = low
    else:
        while not diverges(high := high * factor):
            trials += 1
            low = high
    trials += 1
    while high > low * (1 + precision):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if diverges(middle) else (middle, high)
        trials += 1
    return Interval(low, high, trials)


def diverged(losses: list[float]) -> bool:
    """Whether a run's loss rises in its second half, or is no number any more.

    Judged by the means of the logarithm in the second and the last quarter: by then the
    steepest direction outweighs the others wherever the rate is near the limit.
    """
    logs = torch.tensor(losses, dtype=torch.float64).log()
    if not bool(logs.isfinite().all()):
        return True
    quarter = len(logs) // 4
    return bool(logs[-quarter:].mean() > logs[quarter : 2 * quarter].mean())


def full_batch_limit(images: Float[Tensor, "n h w"], steps: int, start: float) -> Interval:
    """Measured: the chapter's training with all images in one batch, by bisection."""

    def diverges(rate: float) -> bool:
        settings = Settings(learning_rate=rate, batch_size=len(images), epochs=steps)
        run = Run(images, settings).finish()
        return run.diverged or diverged(run.losses)

    return bisect(diverges, start)


def minibatch_limit(
    images: Float[Tensor, "n h w"], batch_size: int, start: float, seed: int = 0
) -> Interval:
    """Measured: one epoch in minibatches, by bisection; of one order of the images."""

    def diverges(rate: float) -> bool:
        settings = Settings(learning_rate=rate, batch_size=batch_size, seed=seed)
        run = Run(images, settings).finish()
        return run.diverged or diverged(run.losses)

    return bisect(diverges, start, factor=1.5)


def mean_square_limit(curvatures: Float[Tensor, "n k k"], batch_size: int) -> float:
    """Predicted: the rate at which the mean of d dᵀ stops shrinking.

    Args:
        curvatures: A of each image.
        batch_size: 1..n, drawn without putting back.
    """
    count, k, _ = curvatures.shape
    A = curvatures.mean(dim=0)
    flat = curvatures.flatten(1)
    # E[A_i ⊗ A_i], its indices in the order of a Kronecker product.
    squares = (flat.T @ flat / count).reshape(k, k, k, k).permute(0, 2, 1, 3).reshape(k * k, k * k)
    scatter = (count - batch_size) / max(1, count - 1) / batch_size
    second = torch.kron(A, A) * (1 - scatter) + squares * scatter
    one = torch.eye(k, dtype=A.dtype)
    first = torch.kron(A, one) + torch.kron(one, A)

    def grows(rate: float) -> bool:
        step = torch.eye(k * k, dtype=A.dtype) - 2 * rate * first + 4 * rate**2 * second
        return bool(torch.linalg.eigvals(step).abs().max() > 1)

    return bisect(grows, Curvature(A).threshold, factor=1.5, precision=1e-5).middle


def typical_limit(curvatures: Float[Tensor, "n k k"], batch_size: int) -> float:
    """Predicted: the rate at which a typical run's loss stops shrinking.

    The matrices I - 2 η A_b of drawn minibatches are multiplied, in several chains at once;
    no image, layer or gradient takes part.

    Args:
        curvatures: A of each image.
        batch_size: at least 1.
    """
    count, k, _ = curvatures.shape
    A = curvatures.mean(dim=0)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.zeros(_STEPS, _CHAINS, k, k, dtype=A.dtype)
    for _ in range(batch_size):
        drawn += curvatures[torch.randint(count, (_STEPS, _CHAINS), generator=generator)]
    drawn /= batch_size
    first = torch.randn(_CHAINS, k, dtype=A.dtype, generator=generator)

    def grows(rate: float) -> bool:
        d, scale, logs = first, torch.zeros(_CHAINS, dtype=A.dtype), []
        for A_b in drawn:
            d = d - 2 * rate * (A_b @ d[:, :, None])[:, :, 0]
            size = d.norm(dim=1)
            d, scale = d / size[:, None], scale + size.log()
            logs.append((2 * scale + torch.einsum("ca,ab,cb->c", d, A, d).log()).mean())
        quarter = _STEPS // 4
        late, early = torch.stack(logs[-quarter:]), torch.stack(logs[quarter : 2 * quarter])
        return bool(late.mean() > early.mean())

    return bisect(grows, Curvature(A).threshold, factor=1.5, precision=1e-3).middle
