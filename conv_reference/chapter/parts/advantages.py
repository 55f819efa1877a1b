"""The four advantages, each measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.advantages import cost, locality, parameters, translation
from conv_reference.chapter.advantages.cost import Cost
from conv_reference.chapter.advantages.locality import Support
from conv_reference.chapter.advantages.parameters import ParameterCount
from conv_reference.chapter.advantages.translation import Equivariance
from conv_reference.chapter.figures import advantages
from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.targets import target_kernel

_SHIRT = 7  # a pullover with long sleeves
_SLEEVE = (slice(6, 26), slice(0, 8))  # its left sleeve
_SIDE = 40  # of the canvas that the sleeve moves over
_CORNERS = ((2, 2), (10, 16), (18, 30))


@dataclass(frozen=True)
class Advantages:
    """Parameters, locality, translation and cost."""

    parameters: ParameterCount
    small: Float[Tensor, "p q"]  # the dense map of a 6×6 image
    supports: tuple[Support, ...]
    canvases: Float[Tensor, "n h w"]  # 0..255
    answers: Float[Tensor, "n oh ow"]
    sleeve_difference: float  # between the answers, each looked at where the sleeve is
    garment: Float[Tensor, "gh gw"]  # 0..255
    equivariance: Equivariance
    dense_difference: float  # the same comparison for a dense map of random entries
    costs: tuple[Cost, ...]

    @classmethod
    def compute(cls, material: Material) -> Advantages:
        """Measure all four. Whole numbers, so that equal means equal."""
        raw = material.pixels.float()
        garment = raw[min(_SHIRT, len(raw) - 1)]
        counted = torch.arange(1.0, 10.0).reshape(3, 3)
        edge = target_kernel("edge")
        canvases = translation.placements(garment[_SLEEVE], _SIDE, _CORNERS)
        answers = make_filter("chapter", edge, learns=False)(canvases)
        return cls(
            parameters=parameters.count_parameters(raw[0], counted),
            small=parameters.dense_matrix(counted, 6),
            supports=tuple(locality.support(torch.ones(3, 3), 28, layers) for layers in (1, 2, 3)),
            canvases=canvases,
            answers=answers,
            sleeve_difference=_windows_differ(answers),
            garment=garment,
            equivariance=translation.compare(edge, garment, (4, 6)),
            dense_difference=_dense_difference(garment),
            costs=cost.measure(material.plan.sides),
        )

    @property
    def dearer_at(self) -> int | None:
        """The greatest side that was measured at which the layer is not faster, if any."""
        slower = (one.side for one in self.costs if one.layer_seconds >= one.dense_seconds)
        return max(slower, default=None)

    @property
    def cheaper_from(self) -> int | None:
        """The least side that was measured from which on the layer is faster, if any."""
        return min(
            (one.side for one in self.costs if one.side > (self.dearer_at or 0)), default=None
        )

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """One or two for each advantage."""
        return {
            "toeplitz": advantages.toeplitz(self.small, self.parameters.matrix, _),
            "supports": advantages.supports(self.supports, _),
            "sleeve": advantages.sleeve(self.canvases, self.answers, _),
            "equivariance": advantages.equivariance(self.garment, self.equivariance, _),
            "costs": advantages.costs(self.costs, _),
        }


def _windows_differ(answers: Tensor) -> float:
    """The greatest difference between the answers around the sleeve at its places."""
    rows, columns = (piece.stop - piece.start for piece in _SLEEVE)
    # An output at (i, j) sees pixels i..i+2: the answer begins two before the sleeve.
    windows = [
        answer[row - 2 : row + rows, column - 2 : column + columns]
        for answer, (row, column) in zip(answers, _CORNERS, strict=True)
    ]
    return max(float((window - windows[0]).abs().max()) for window in windows)


def _dense_difference(garment: Tensor) -> float:
    """How far a dense map of random entries is from moving its answer with the image."""
    side = 14
    image = garment[7 : 7 + side, 7 : 7 + side]
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randint(-1, 2, (side**2, side**2), generator=generator).float()

    def dense(picture: Tensor) -> Tensor:
        return (matrix @ picture.flatten()).reshape(side, side)

    first = translation.shift(dense(image), 2, 3)
    second = dense(translation.shift(image, 2, 3))
    return float((first - second)[4:-4, 4:-4].abs().max())
