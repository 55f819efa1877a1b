"""Which geometries are tried: sizes at which convolutions really go wrong.

The levels follow what shipped faults were guarded by: sizes of one and two, H ≠ W, kh ≠ kw,
a stride larger than the kernel and one that leaves a remainder, padding up to and past the
kernel, taps and outputs that see only padding, groups together with strides, depthwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conv_reference.geometry import Geometry, Pair

_BATCH = (1, 2, 3, 5)
_GROUPS = (1, 1, 2, 3, 4)
_GROUP_CHANNELS = (1, 1, 2, 3, 4, 6)
_OUTPUT = (1, 2, 3, 5)
_KERNEL = (1, 2, 3, 4, 5)
_STRIDE = (1, 1, 2, 3, 4)
_PADDING = (0, 0, 1, 2, 3, 5)
_DILATION = (1, 1, 2, 3)


def random_geometries(seed: int) -> Iterator[Geometry]:
    """An endless sequence of geometries, the same for the same seed.

    Args:
        seed: any integer.
    """
    random = Random(f"geometries {seed}")
    while True:
        yield _geometry(random)


def _geometry(random: Random) -> Geometry:
    groups = random.choice(_GROUPS)
    kernel, stride, dilation, padding = (
        _pair(random, levels) for levels in (_KERNEL, _STRIDE, _DILATION, _PADDING)
    )
    height, width = (
        # The output and the remainder are chosen, and the input follows: of at least one
        # pixel, for with so much padding the output just grows.
        max(1, (random.choice(_OUTPUT) - 1) * s + d * (k - 1) + 1 - 2 * p + random.randrange(s))
        for s, d, k, p in zip(stride, dilation, kernel, padding, strict=True)
    )
    return Geometry(
        batch=random.choice(_BATCH),
        in_channels=groups * random.choice(_GROUP_CHANNELS),
        input_size=(height, width),
        out_channels=groups * random.choice(_GROUP_CHANNELS),
        kernel_size=kernel,
        stride=stride,
        padding=((padding[0], padding[0]), (padding[1], padding[1])),
        dilation=dilation,
        groups=groups,
    )


def _pair(random: Random, levels: tuple[int, ...]) -> Pair:
    return random.choice(levels), random.choice(levels)
