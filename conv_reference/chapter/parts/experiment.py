"""The training experiment, with its story."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures import experiment
from conv_reference.chapter.listing import listing
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.training import Run, descend

_GARMENTS = (0, 1, 5, 7)  # an ankle boot, a T-shirt, a dress or a coat, a pullover


@dataclass(frozen=True)
class Experiment:
    """The run, and the images that it is shown on."""

    run: Run
    garments: Float[Tensor, "m h w"]

    @classmethod
    def compute(cls, material: Material) -> Experiment:
        """Train.

        Raises:
            ValueError: when the run diverges, since nothing of it can be shown.
        """
        images = material.images()
        run = Run(images, material.settings).finish()
        if run.diverged:
            raise ValueError(
                f"the run diverges after {run.done} minibatches at learning rate "
                f"{run.settings.learning_rate:g}, so there is no page of it; "
                "--only exercise-1 shows why"
            )
        return cls(run, images[[index for index in _GARMENTS if index < len(images)]])

    @property
    def training_code(self) -> str:
        """The training loop, as it runs."""
        return listing(descend)

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """The loss, the kernel's frames, its weights over time, the garments."""
        return {
            "loss": experiment.loss_curve(self.run, _),
            "frames": experiment.frames(self.run, _),
            "weights": experiment.weights(self.run, _),
            "garments": experiment.garments(self.garments, self.run, _),
        }
