"""Exercise 3: the derivation with the numbers of one real patch."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import UInt8
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures import advantages
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.patch import SIZE, PatchGradients, gradients, liveliest


@dataclass(frozen=True)
class Exercise3:
    """A patch, where it lies, and its gradients."""

    image: UInt8[Tensor, "h w"]
    corner: tuple[int, int]
    patch: PatchGradients

    @classmethod
    def compute(cls, material: Material) -> Exercise3:
        """Derive and compare."""
        image = material.pixels[0]
        row, column = liveliest(image)
        patch = image[row : row + SIZE[0], column : column + SIZE[1]].long()
        return cls(image, (row, column), gradients(patch))

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """The patch in its garment."""
        return {
            "patch": advantages.patch(self.image.float() / 255, self.patch.pixels, self.corner, _)
        }
