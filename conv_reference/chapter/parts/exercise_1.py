"""Exercise 1: why raw inputs fail, by mathematics and by measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter import stability
from conv_reference.chapter.curvature import Curvature, curvature, image_curvatures
from conv_reference.chapter.figures import exercise_1
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.quadratic import Quadratic, derive_quadratic
from conv_reference.chapter.stability import Interval
from conv_reference.chapter.training import Run, Settings

SIZE = (3, 3)
RAW = 255
# Where the search for the limit begins: far below, so that it knows nothing of the answer.
_START = 1e-8


@dataclass(frozen=True)
class Limit:
    """A limit of the learning rate, predicted and measured, in full-batch descent."""

    predicted: float
    measured: Interval

    @property
    def deviation(self) -> float:
        """Of the measurement from the prediction, relative to it."""
        return self.measured.middle / self.predicted - 1


@dataclass(frozen=True)
class MinibatchLimit:
    """The limit at one batch size, each as a multiple of 1/λmax of the same images."""

    batch_size: int
    images: int
    mean_square: float  # predicted
    typical: float  # predicted
    measured: float


@dataclass(frozen=True)
class Exercise1:
    """Everything that the part shows."""

    quadratic: Quadratic
    bowl: Curvature  # of all the images, normalised
    normalised: Limit
    raw: Limit
    batch: int  # images in the full batch
    minibatches: tuple[MinibatchLimit, ...]
    run: Run  # one epoch, normalised, with the chapter's settings
    raw_run: Run  # the same on 0..255, at the learning rate that 255² asks for
    failing_run: Run  # the same on 0..255, as the exercise has it
    near: tuple[Run, Run]  # full batches just below the limit and just above it

    @classmethod
    def compute(cls, material: Material) -> Exercise1:
        """Predict, and measure."""
        plan, seed = material.plan, material.settings.seed
        images, few = material.images(), material.images(plan.full_batch)
        small = curvature(few, SIZE)
        each = image_curvatures(images, SIZE)
        settings = Settings(seed=seed)
        raw_rate = settings.learning_rate / RAW**2
        return cls(
            quadratic=derive_quadratic(),
            bowl=Curvature(each.mean(dim=0)),
            normalised=Limit(
                small.threshold, stability.full_batch_limit(few, plan.full_batch_steps, _START)
            ),
            raw=Limit(
                curvature(few * RAW, SIZE).threshold,
                stability.full_batch_limit(few * RAW, plan.full_batch_steps, _START),
            ),
            batch=len(few),
            minibatches=tuple(
                _minibatch(images[:count], each[:count], size, seed)
                for size, count in plan.minibatches.items()
            ),
            run=Run(images, settings).finish(),
            raw_run=Run(images * RAW, Settings(learning_rate=raw_rate, seed=seed)).finish(),
            failing_run=Run(images * RAW, settings).finish(),
            near=(_near(few, 0.97 * small.threshold), _near(few, 1.03 * small.threshold)),
        )

    @property
    def predicted_shares(self) -> Float[Tensor, " k"]:
        """What the epoch leaves of the first difference, steepest direction first."""
        factors: Tensor = self.bowl.factors(self.run.settings.learning_rate) ** self.run.done
        return factors.flip(0)

    @property
    def measured_shares(self) -> Float[Tensor, " k"]:
        """The same, of the run's own kernels."""
        fixed = self.run.settings.fixed_kernel()
        first, last = (
            self.bowl.directions @ (kernel - fixed).flatten().double()
            for kernel in (self.run.kernels[0], self.run.kernel)
        )
        return (last / first).flip(0)

    @property
    def loss_shares(self) -> Float[Tensor, " k"]:
        """The part of each direction in the loss that is left, steepest first; they sum to 1."""
        difference = (self.run.kernel - self.run.settings.fixed_kernel()).flatten().double()
        parts = self.bowl.eigenvalues * (self.bowl.directions @ difference) ** 2
        return (parts / parts.sum()).flip(0)

    @property
    def slow_half_life(self) -> float:
        """Minibatches in which the slowest direction's difference halves."""
        factors = self.bowl.factors(self.run.settings.learning_rate)
        return -math.log(2) / math.log(float(factors[0]))

    @property
    def raw_difference(self) -> float:
        """Between the kernels of the raw run and of the normalised one, the greatest."""
        return float((self.raw_run.kernel - self.run.kernel).abs().max())

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """The bowl's directions, the runs about the limit, and what an epoch leaves."""
        below, above = self.near
        return {
            "directions": exercise_1.directions(self.bowl, SIZE, _),
            "diverging": exercise_1.runs(
                {
                    _("raw pixels, learning rate 0.1"): self.failing_run.losses,
                    _("normalised, 3% above 1/λmax"): above.losses,
                    _("normalised, 3% below 1/λmax"): below.losses,
                },
                _,
            ),
            "left": exercise_1.left_over(self.predicted_shares, self.measured_shares, _),
        }


def _minibatch(images: Tensor, each: Tensor, size: int, seed: int) -> MinibatchLimit:
    threshold = Curvature(each.mean(dim=0)).threshold
    return MinibatchLimit(
        batch_size=size,
        images=len(images),
        mean_square=stability.mean_square_limit(each, size) / threshold,
        typical=stability.typical_limit(each, size) / threshold,
        measured=stability.minibatch_limit(images, size, threshold, seed).middle / threshold,
    )


def _near(images: Tensor, rate: float) -> Run:
    settings = Settings(learning_rate=rate, batch_size=len(images), epochs=100)
    return Run(images, settings).finish()
