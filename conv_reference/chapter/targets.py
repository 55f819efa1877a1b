"""The fixed filters that a kernel can learn to be."""

from __future__ import annotations

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Rows: TypeAlias = tuple[tuple[float, float, float], ...]

# The chapter calls it a detector of vertical edges. It subtracts the row above from the
# row below, so it answers where brightness changes downwards: to horizontal edges.
EDGE_DETECTOR: Rows = ((-1.0, -1.0, -1.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

TARGETS: dict[str, Rows] = {
    "edge": EDGE_DETECTOR,
    "sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),  # answers to vertical edges
    "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "blur": ((1 / 9, 1 / 9, 1 / 9),) * 3,
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
}


def target_kernel(name: str, size: tuple[int, int] = (3, 3)) -> Float[Tensor, "kh kw"]:
    """A classic 3×3 filter in float32, in the middle of a kernel of zeros when that is larger.

    Args:
        name: of the filter.
        size: (kh, kw) of the kernel, each at least 3.

    Raises:
        ValueError: when the filter is unknown or does not fit into the kernel.

    >>> target_kernel("edge", (3, 5)).tolist()[0]
    [0.0, -1.0, -1.0, -1.0, 0.0]
    """
    if name not in TARGETS:
        raise ValueError(f"the target must be one of {tuple(TARGETS)}, got {name!r}")
    if min(size) < 3:
        raise ValueError(
            f"the kernel must be at least 3×3 to learn a filter of 3×3, got {size[0]}×{size[1]}"
        )
    kernel = torch.zeros(size)
    top, left = (size[0] - 3) // 2, (size[1] - 3) // 2
    kernel[top : top + 3, left : left + 3] = torch.tensor(TARGETS[name])
    return kernel
