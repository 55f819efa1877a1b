"""Exercise 3: the derivation as it is asked, and with the numbers of one real patch."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import UInt8
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures import exercise_3
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.patch import SIZE, PatchGradients, gradients, liveliest
from conv_reference.chapter.statements import OWN_GRADIENTS, Statement
from conv_reference.chapter.worked import Worked, work


@dataclass(frozen=True)
class Exercise3:
    """The derivation; a patch, where it lies, and its gradients."""

    image: UInt8[Tensor, "h w"]
    corner: tuple[int, int]
    patch: PatchGradients
    worked: Worked = field(default_factory=work)
    own: Statement = OWN_GRADIENTS

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
            "patch": exercise_3.patch(self.image.float() / 255, self.patch.pixels, self.corner, _)
        }
