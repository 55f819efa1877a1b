"""Other filters and other layers: all learn, and agree."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures import filters
from conv_reference.chapter.filters import LAYERS
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.targets import TARGETS
from conv_reference.chapter.training import Run, Settings


@dataclass(frozen=True)
class Filters:
    """A run for each filter and, shorter, for each layer."""

    image: Float[Tensor, "h w"]
    filters: tuple[Run, ...]
    patient: Run  # the slowest filter, with a greater learning rate and more epochs
    layers: tuple[Run, ...]

    @classmethod
    def compute(cls, material: Material) -> Filters:
        """Train them all."""
        plain = Settings(seed=material.settings.seed)
        images = material.images(material.plan.filter_images)
        few = material.images(material.plan.literal_images)
        runs = tuple(Run(images, replace(plain, target=target)).finish() for target in TARGETS)
        slowest = max(runs, key=lambda run: run.error)
        patient = replace(slowest.settings, learning_rate=0.4, epochs=material.plan.patient_epochs)
        return cls(
            image=images[0],
            filters=runs,
            patient=Run(images, patient).finish(),
            layers=tuple(Run(few, replace(plain, layer=layer)).finish() for layer in LAYERS),
        )

    @property
    def greatest_difference(self) -> float:
        """Between an element of another layer's kernel and of the chapter's, at any moment."""
        first = self.layers[0]
        return max(
            float((mine - other).abs().max())
            for run in self.layers[1:]
            for mine, other in zip(first.kernels, run.kernels, strict=True)
        )

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """The kernels beside their targets, and the losses."""
        return {
            "kernels": filters.kernels(self.image, self.filters, _),
            "losses": filters.losses(self.filters, _),
        }
