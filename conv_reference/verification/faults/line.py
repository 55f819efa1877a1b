"""A convolution in one dimension: one in two, of one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Parts

One = int | tuple[int]


def convolution(**exchanged: Any) -> Callable[..., Tensor]:
    """With these parts of the one in two dimensions exchanged, with torch's signature."""
    conv2d = direct.convolution(Parts(**exchanged))

    def conv1d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: One = 1,
        padding: One = 0,
        dilation: One = 1,
        groups: int = 1,
    ) -> Tensor:
        s, p, d = map(_width, (stride, padding, dilation))
        image, kernel = input.unsqueeze(-2), weight.unsqueeze(-2)
        return conv2d(image, kernel, bias, (1, s), (0, p), (1, d), groups).squeeze(-2)

    return conv1d


def _width(value: One) -> int:
    return value if isinstance(value, int) else value[0]


conv1d = convolution()
