"""Sizes far out: where tables of levels end, and layers of real sizes.

Everyday sizes lie past every table of small levels: planes of thousands of pixels, dozens of
channels, several groups of several channels, patches, wide dilation. They are drawn on a
logarithmic scale, which leaves no gap, and two or three of them at once, for faults are guarded by
both.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

from conv_reference.geometry import Geometry
from conv_reference.verification.plan.factors import axis_sizes
from conv_reference.verification.plan.geometries import small_geometry

# Of a small geometry with sizes far out, elements of a tensor, and products for each: mostly few,
# so that such a case takes some two milliseconds, like any other, and now and then many.
_ELEMENTS, _PRODUCTS_FOR_EACH = (3_000, 150_000), 10
# Of a layer of real size, and its pixels over all samples.
_MOST_REAL_PRODUCTS, _MOST_REAL_ELEMENTS, _MOST_PIXELS = 16_000_000, 400_000, 30_000
_MOST_ELEMENTS = 500_000  # of two sizes far out
_MOST_WITH_PADDING = 20_000_000  # of X with its padding: 160 MB in float64


@dataclass
class Drawn:
    """Sizes of a geometry that is being drawn, one after another; pairs are of rows and columns."""

    batch: int
    groups: int
    group_in: int
    group_out: int
    kernel: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    outputs: list[int]  # more than the fewest
    remainder: list[int] = field(default_factory=lambda: [0, 0])

    @classmethod
    def like(cls, g: Geometry) -> Drawn:
        """The sizes of a small geometry."""
        group_in, group_out = g.group_channels
        return cls(
            batch=g.batch,
            groups=g.groups,
            group_in=group_in,
            group_out=group_out,
            kernel=[*g.kernel_size],
            stride=[*g.stride],
            padding=[side[0] for side in g.padding],
            dilation=[*g.dilation],
            outputs=[min(size, 3) for size in g.output_size],
            remainder=[*g.remainder],
        )

    @property
    def least(self) -> tuple[int, int]:
        """Elements of a tensor and products it has at least, computed sooner than its geometry.

        The output is at least one larger than ``outputs`` says.
        """
        weight = self.groups * self.group_out * self.group_in * math.prod(self.kernel)
        positions = self.batch * math.prod(more + 1 for more in self.outputs)
        return max(weight, positions * self.groups * self.group_out), positions * weight

    @property
    def geometry(self) -> Geometry:
        """What was drawn; raises a ValueError where a size is none."""
        axes = zip(
            self.kernel,
            self.stride,
            self.dilation,
            self.padding,
            self.outputs,
            self.remainder,
            strict=True,
        )
        height, width = (
            axis_sizes(kernel=k, stride=s, dilation=d, padding=p, outputs=o, remainder=r % s).input
            for k, s, d, p, o, r in axes
        )
        return Geometry(
            batch=self.batch,
            in_channels=self.groups * self.group_in,
            out_channels=self.groups * self.group_out,
            groups=self.groups,
            input_size=(height, width),
            kernel_size=(self.kernel[0], self.kernel[1]),
            stride=(self.stride[0], self.stride[1]),
            padding=((self.padding[0],) * 2, (self.padding[1],) * 2),
            dilation=(self.dilation[0], self.dilation[1]),
        )


class _Upper(Random):
    """Draws from the upper half of each range, on its scale."""

    def uniform(self, a: float, b: float) -> float:
        """Between the middle and b."""
        return super().uniform((a + b) / 2, b)


def log_uniform(random: Random, least: int, most: int) -> int:
    """An integer from least to most, as likely between 8 and 16 as between 16 and 32.

    >>> sorted(log_uniform(Random(seed), 16, 512) for seed in range(5))
    [25, 36, 36, 299, 440]

    Args:
        random: a stream.
        least: at least 1.
        most: at least as much.
    """
    drawn = math.exp(random.uniform(math.log(least), math.log(most + 1)))
    return min(most, int(drawn))


def _batch(drawn: Drawn, random: Random) -> None:
    drawn.batch = log_uniform(random, 5, 64)


def _plane(drawn: Drawn, random: Random) -> None:
    drawn.outputs = [log_uniform(random, 24, 120) for _ in range(2)]


def _line(drawn: Drawn, random: Random) -> None:
    """One row or column of outputs that is long, as of a spectrogram or of text."""
    drawn.outputs[random.randrange(2)] = log_uniform(random, 16, 255)


def _inputs(drawn: Drawn, random: Random) -> None:
    drawn.group_in = log_uniform(random, 7, 512)


def _outputs(drawn: Drawn, random: Random) -> None:
    drawn.group_out = log_uniform(random, 7, 512)


def _groups(drawn: Drawn, random: Random) -> None:
    drawn.groups = log_uniform(random, 5, 8)
    drawn.group_in, drawn.group_out = log_uniform(random, 3, 7), random.randint(1, 6)


def _depthwise(drawn: Drawn, random: Random) -> None:
    drawn.groups, drawn.group_in = log_uniform(random, 10, 512), 1
    drawn.group_out = random.choice((1, 1, 2))


def _patches(drawn: Drawn, random: Random) -> None:
    """Stride = kernel, as of a vision transformer's first layer."""
    size = log_uniform(random, 6, 16)
    drawn.kernel = drawn.stride = [size, size]
    drawn.padding = [0, 0]


def _kernel(drawn: Drawn, random: Random) -> None:
    sizes = [log_uniform(random, 5, 15) for _ in range(2)]
    drawn.kernel = random.choice((sizes, sizes[:1] * 2, [sizes[0], drawn.kernel[1]]))


def _stride(drawn: Drawn, random: Random) -> None:
    sizes = [log_uniform(random, 4, 12) for _ in range(2)]
    drawn.stride = random.choice((sizes, sizes[:1] * 2))
    drawn.remainder = [random.randrange(size) for size in drawn.stride]


def _padding(drawn: Drawn, random: Random) -> None:
    sizes = [log_uniform(random, 4, 14) for _ in range(2)]
    drawn.padding = random.choice((sizes, sizes[:1] * 2))


def _dilation(drawn: Drawn, random: Random) -> None:
    sizes = [log_uniform(random, 5, 14) for _ in range(2)]
    drawn.dilation = random.choice((sizes, sizes[:1] * 2))
    drawn.kernel = [max(2, size) for size in drawn.kernel]


_FAR = (
    *(_batch, _plane, _line, _inputs, _outputs, _groups, _depthwise),
    *(_patches, _kernel, _stride, _padding, _dilation),
)
# All but a plane: some thousand elements hold one so seldom that drawing it takes 50 times as long.
_IN_TURN = tuple(part for part in _FAR if part is not _plane)
_OFTEN = (*_FAR, _groups, _patches, _dilation)
_TOGETHER = (1, 1, 2, 2, 3)  # sizes far out at once
_MOST_DRAWS = 40
_TINY = 0.5  # of those with a size that is surely far out: among few elements it reaches farther


def far_geometry(
    random: Random,
    most: int | None = None,
    each: int = _PRODUCTS_FOR_EACH,
    sure: int | None = None,
) -> Geometry:
    """A small geometry with one, two or three sizes far out, of some ten thousand elements.

    Args:
        random: a stream.
        most: elements of its largest tensor, at least 3,000; drawn where it is None.
        each: products for each of them.
        sure: which size is one of them, counted round those of ``_IN_TURN``; any if None.
    """
    while True:
        room = log_uniform(random, *_ELEMENTS) if most is None else most
        parts = {random.choice(_OFTEN) for _ in range(random.choice(_TOGETHER))}
        if sure is not None:
            parts = {_IN_TURN[sure % len(_IN_TURN)], *sorted(parts, key=_FAR.index)[1:]}
        small = Drawn.like(small_geometry(random))
        if sure is not None and random.random() < _TINY:
            small = tiny(random)
        for _ in range(_MOST_DRAWS):
            drawn = deepcopy(small)
            for part in _FAR:  # in a fixed order
                if part in parts:
                    part(drawn, random)
            least, products = drawn.least
            if least > room or products > each * room:
                continue
            geometry = drawn.geometry
            fits = _products(geometry) <= each * room
            if fits and elements(geometry) <= room:
                return geometry


def far_pairs(random: Random) -> Iterator[Geometry]:
    """Two sizes far out at once, each pair of them once: far up, in a geometry that is tiny else.

    Args:
        random: a stream.
    """
    pairs = [*combinations(_FAR, 2)]
    random.shuffle(pairs)
    for pair in pairs:
        upper = _Upper(random.getrandbits(32))
        for _ in range(_MOST_DRAWS):
            drawn = tiny(random)
            for part in pair:
                part(drawn, upper)
            geometry = drawn.geometry
            if is_affordable(geometry):
                yield geometry
                break


def tiny(random: Random) -> Drawn:
    """All sizes of one to three."""
    return Drawn(
        batch=random.choice((1, 2)),
        groups=1,
        group_in=random.choice((1, 2, 3)),
        group_out=random.choice((1, 2, 3)),
        kernel=[random.choice((1, 2, 3)), random.choice((2, 3))],
        stride=[1, random.choice((1, 1, 2))],
        padding=[random.choice((0, 1)), 0],
        dilation=[1, 1],
        outputs=[random.choice((0, 1, 3)), random.choice((0, 2))],
    )


def real_geometry(random: Random) -> Geometry:
    """A layer of real size: 28 to 256 outputs wide, 16 to 512 channels, a batch up to 64, ...

    Of these two or three are drawn at once, and the others are such that the layer has at most
    16 million products.
    """
    while True:
        large = set(random.sample(("batch", "plane", "inputs", "outputs"), random.choice((2, 3))))
        for _ in range(_MOST_DRAWS):
            geometry = _layer(large, random).geometry
            pixels = max(math.prod(geometry.output_size), math.prod(geometry.input_size))
            if (
                _products(geometry) <= _MOST_REAL_PRODUCTS
                and elements(geometry) <= _MOST_REAL_ELEMENTS
                and geometry.batch * pixels <= _MOST_PIXELS
            ):
                return geometry


def _layer(large: Collection[str], random: Random) -> Drawn:
    """One whose kernel, stride, padding and dilation are those of networks."""
    kernel = random.choice((1, 1, 3, 3, 3, 5, 7))
    dilation = random.choice((1, 1, 1, 2, 4, 6)) if kernel > 1 else 1
    stride = random.choice((1, 1, 1, 2, 2, 3))
    groups = random.choice((1, 1, 1, 1, 2, 4, 5, 6, 8))
    same = random.choice((0, 1, 1)) * (dilation * (kernel - 1) // 2)
    width = (28, 256) if "plane" in large else (3, 28)

    def channels(name: str) -> int:
        every = log_uniform(random, *((16, 512) if name in large else (1, 16)))
        return max(1, every // groups)

    return Drawn(
        batch=log_uniform(random, *((5, 64) if "batch" in large else (1, 4))),
        groups=groups,
        group_in=channels("inputs"),
        group_out=channels("outputs"),
        kernel=[kernel, kernel],
        stride=[stride, stride],
        padding=[same, same],
        dilation=[dilation, dilation],
        outputs=[log_uniform(random, *width) for _ in range(2)],
        remainder=[random.randrange(stride) for _ in range(2)],
    )


def is_affordable(g: Geometry) -> bool:
    """Whether it has no more products and elements than two sizes far out may have.

    A large padding along both axes makes a plane of it that a stride or a dilation skips: few
    products, and no memory for what they are read from.
    """
    few = _products(g) <= _MOST_REAL_PRODUCTS and elements(g) <= _MOST_ELEMENTS
    return few and _with_padding(g) <= _MOST_WITH_PADDING


def _products(g: Geometry) -> int:
    return g.batch * math.prod((*g.output_size, *g.weight_shape))


def _with_padding(g: Geometry) -> int:
    plane = (size + sum(pair) for size, pair in zip(g.input_size, g.padding, strict=True))
    return math.prod((g.batch, g.in_channels, *plane))


def elements(g: Geometry) -> int:
    """Of its largest tensor: X, K or Y."""
    return max(map(math.prod, (g.input_shape, g.weight_shape, g.output_shape)))
