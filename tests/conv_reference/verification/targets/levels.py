"""A target that looks at which instructions oneDNN may use."""

from __future__ import annotations

import os

from torch import Tensor
from torch.nn.functional import conv2d


def wrong_below(input: Tensor, weight: Tensor) -> Tensor:
    """Right, but where oneDNN is set to do without the newest instructions."""
    Y = conv2d(input, weight)
    return 2 * Y if "ONEDNN_MAX_CPU_ISA" in os.environ else Y
