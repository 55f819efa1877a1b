"""Exercise 2: U[-1/√K, 1/√K] beside U[0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from conv_reference.chapter import initialisation
from conv_reference.chapter.figures import exercise_2
from conv_reference.chapter.initialisation import INITS, Spread, TorchDefault
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.training import Run


@dataclass(frozen=True)
class Exercise2:
    """Spreads, runs, and what torch does."""

    spreads: tuple[Spread, ...]  # by init, then by size
    runs: tuple[tuple[Run, Run], ...]  # from U[0, 1] and from the other, for each size
    defaults: tuple[TorchDefault, ...]
    draws: int

    @classmethod
    def compute(cls, material: Material) -> Exercise2:
        """Measure, and train."""
        plan = material.plan
        images, few = material.images(plan.run_images), material.images(plan.spread_images)
        return cls(
            spreads=tuple(
                initialisation.spread(few, init, size, plan.spread_draws)
                for init in INITS
                for size in plan.spread_sizes
            ),
            runs=tuple(
                initialisation.train_both(images, size, material.settings.seed)
                for size in plan.run_sizes
            ),
            defaults=tuple(initialisation.torch_default(size) for size in plan.spread_sizes),
            draws=plan.spread_draws,
        )

    @property
    def rows(self) -> tuple[tuple[Spread, Spread], ...]:
        """Both initialisations of each size."""
        half = len(self.spreads) // 2
        return tuple(zip(self.spreads[:half], self.spreads[half:], strict=True))

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """Variance and loss against K; the runs."""
        return {
            "spread": exercise_2.against_size(self.spreads, _),
            "runs": exercise_2.both_runs(self.runs, _),
        }
