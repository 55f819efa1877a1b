"""Few parameters: a convolution beside the fully connected map that it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from conv_reference.chapter.filters import make_filter


def dense_matrix(kernel: Float[Tensor, "kh kw"], side: int) -> Float[Tensor, "outputs inputs"]:
    """The matrix that maps a flattened side×side image to the layer's flattened output.

    It is the Jacobian of the chapter's layer, which autograd finds: a Toeplitz matrix of
    Toeplitz blocks.

    >>> dense_matrix(torch.tensor([[1.0, 2.0]]), 2).tolist()
    [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0]]
    """
    apply = make_filter("chapter", kernel, learns=False)

    def flat(image: Tensor) -> Tensor:
        return apply(image.reshape(1, side, side)).flatten()

    matrix: Tensor = torch.func.jacrev(flat)(torch.zeros(side * side, dtype=kernel.dtype))
    return matrix.detach()


@dataclass(frozen=True)
class ParameterCount:
    """The map of one layer on images of one size."""

    side: int  # of the images
    kernel: Float[Tensor, "kh kw"]
    matrix: Float[Tensor, "outputs inputs"]
    difference: float  # between the layer and the matrix on a real image, the greatest

    @property
    def layer(self) -> int:
        """Parameters of the layer."""
        return self.kernel.numel()

    @property
    def dense(self) -> int:
        """Parameters of the fully connected map."""
        return self.matrix.numel()

    @property
    def nonzero(self) -> int:
        """Entries that a kernel without zeros fills."""
        return int(self.matrix.count_nonzero())

    @property
    def distinct(self) -> int:
        """Different numbers among them."""
        return len(torch.unique(self.matrix[self.matrix != 0]))


def count_parameters(
    image: Float[Tensor, "side side"], kernel: Float[Tensor, "kh kw"]
) -> ParameterCount:
    """Build the dense map of a layer and check it on an image.

    Args:
        image: whole numbers keep the comparison exact.
        kernel: without zeros and with different elements, so that they can be counted.
    """
    side = len(image)
    matrix = dense_matrix(kernel, side)
    direct = make_filter("chapter", kernel, learns=False)(image[None])[0].flatten()
    difference = (matrix @ image.flatten() - direct).abs().max()
    return ParameterCount(side, kernel, matrix, float(difference))
