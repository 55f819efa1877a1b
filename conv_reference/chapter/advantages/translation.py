"""Translation: a shifted image has a shifted answer, exactly away from the border."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.chapter.filters import make_filter


def shift(image: Float[Tensor, "h w"], down: int, right: int) -> Float[Tensor, "h w"]:
    """The image moved; zeros come in, and what leaves is lost.

    >>> shift(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, -1).tolist()
    [[0.0, 0.0], [2.0, 0.0]]
    """
    height, width = image.shape
    moved = pad(image, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)))
    top, left = max(-down, 0), max(-right, 0)
    return moved[top : top + height, left : left + width]


@dataclass(frozen=True)
class Equivariance:
    """Filter, then shift, against shift, then filter; with zeros around, so sizes stay."""

    move: tuple[int, int]  # down, right
    difference: Float[Tensor, "h w"]
    interior: Bool[Tensor, "h w"]  # outputs whose pixels were inside the image in both orders

    @property
    def inside(self) -> float:
        """The greatest difference away from the border."""
        return float(self.difference[self.interior].abs().max())

    @property
    def at_border(self) -> float:
        """The greatest difference at it."""
        return float(self.difference[~self.interior].abs().max())

    @property
    def differing(self) -> int:
        """How many outputs differ at all."""
        return int(self.difference.count_nonzero())


def same_size(kernel: Float[Tensor, "kh kw"], image: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """The chapter's layer with a border of zeros; the kernel's sides are odd."""
    vertical, horizontal = (length // 2 for length in kernel.shape)
    padded = pad(image, (horizontal, horizontal, vertical, vertical))
    return make_filter("chapter", kernel, learns=False)(padded[None])[0]


def compare(
    kernel: Float[Tensor, "kh kw"], image: Float[Tensor, "h w"], move: tuple[int, int]
) -> Equivariance:
    """Both orders on one image.

    Args:
        kernel: whole numbers, and an image of them, keep the comparison exact.
        image: whole numbers.
        move: rows down and columns to the right; negative is up and left.
    """
    first = shift(same_size(kernel, image), *move)
    second = same_size(kernel, shift(image, *move))
    once = torch.zeros_like(image, dtype=torch.bool)
    vertical, horizontal = (length // 2 for length in kernel.shape)
    height, width = image.shape
    once[vertical : height - vertical, horizontal : width - horizontal] = True
    moved = shift(once.to(image.dtype), *move).bool()
    return Equivariance(move, first - second, once & moved)


def placements(
    piece: Float[Tensor, "h w"], side: int, corners: tuple[tuple[int, int], ...]
) -> Float[Tensor, "places side side"]:
    """A piece of an image on a black canvas, at several places.

    Args:
        piece: fits at each corner.
        side: of the canvas.
        corners: (row, column) of the piece's upper left pixel.
    """
    canvas = torch.zeros(len(corners), side, side, dtype=piece.dtype)
    height, width = piece.shape
    for place, (row, column) in zip(canvas, corners, strict=True):
        place[row : row + height, column : column + width] = piece
    return canvas
