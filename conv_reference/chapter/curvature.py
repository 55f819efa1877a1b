"""Exercise 1: the loss is a bowl over the kernel, and its steepest direction limits the step.

With d = K - K* and p a patch of an image, the chapter's loss is the mean of (p·d)² over all
patches: dᵀ A d with A = E[p pᵀ]. Its gradient is 2 A d, so a step of gradient descent turns d
into (I - 2 η A) d, and a component along an eigenvector of A is multiplied by 1 - 2 η λ. All of
them shrink exactly when η < 1/λmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK = 500  # images at a time: some 25 MB of patches


@dataclass(frozen=True)
class Curvature:
    """A = E[p pᵀ] of images, and what follows from it. In float64.

    >>> bowl = Curvature(torch.tensor([[2.0, 0.0], [0.0, 0.5]], dtype=torch.float64))
    >>> bowl.threshold, bowl.slowest
    (0.5, 0.5)
    """

    matrix: Float[Tensor, "k k"]  # symmetric, no eigenvalue below 0

    @property
    def eigenvalues(self) -> Float[Tensor, " k"]:
        """Rising."""
        values: Tensor = torch.linalg.eigvalsh(self.matrix)
        return values

    @property
    def directions(self) -> Float[Tensor, "k k"]:
        """The eigenvectors, one a row, in the order of the eigenvalues."""
        vectors: Tensor = torch.linalg.eigh(self.matrix).eigenvectors
        return vectors.T

    @property
    def steepest(self) -> float:
        """λmax."""
        return float(self.eigenvalues[-1])

    @property
    def slowest(self) -> float:
        """λmin."""
        return float(self.eigenvalues[0])

    @property
    def threshold(self) -> float:
        """The learning rate 1/λmax, at and above which gradient descent no longer converges."""
        return 1 / self.steepest

    def loss(self, difference: Float[Tensor, "kh kw"]) -> float:
        """The mean loss over all images, of a kernel that differs so much from K."""
        d = difference.flatten().double()
        return float(d @ self.matrix @ d)

    def factors(self, rate: float) -> Float[Tensor, " k"]:
        """1 - 2 η λ: what one step makes of the difference along each eigenvector."""
        return 1 - 2 * rate * self.eigenvalues


def image_curvatures(
    images: Float[Tensor, "n h w"], kernel_size: tuple[int, int]
) -> Float[Tensor, "n k k"]:
    """A of each image by itself, in float64; their mean is A of them all.

    Args:
        images: at least as large as the kernel.
        kernel_size: (kh, kw); k is their product.
    """
    (kh, kw), (height, width) = kernel_size, images.shape[1:]
    rows, columns = height - kh + 1, width - kw + 1
    found = []
    for chunk in torch.split(images, _CHUNK):
        taps = [chunk[:, a : a + rows, b : b + columns] for a in range(kh) for b in range(kw)]
        patches = torch.stack(taps, dim=1).double().flatten(2)
        found.append(patches @ patches.mT / (rows * columns))
    return torch.cat(found)


def curvature(images: Float[Tensor, "n h w"], kernel_size: tuple[int, int]) -> Curvature:
    """A of all the images.

    >>> curvature(torch.tensor([[[1.0, 2.0, 0.0]]]), (1, 2)).matrix.tolist()
    [[2.5, 1.0], [1.0, 2.0]]
    """
    return Curvature(image_curvatures(images, kernel_size).mean(dim=0))


def mean_patch(images: Float[Tensor, "n h w"], kernel_size: tuple[int, int]) -> Tensor:
    """E[p], (kh·kw,) in float64."""
    (kh, kw), (height, width) = kernel_size, images.shape[1:]
    rows, columns = height - kh + 1, width - kw + 1
    mean = images.double().mean(dim=0)
    return torch.stack(
        [mean[a : a + rows, b : b + columns].mean() for a in range(kh) for b in range(kw)]
    )
