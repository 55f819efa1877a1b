"""Geometries in bulk: small ones enumerated and drawn, and large ones drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.plan.factors import axis_sizes

# Groups with each group's channels of input and output, small to large.
_CHANNELS = (
    *((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 2, 2), (2, 1, 2), (2, 2, 1), (3, 1, 1)),
    *((1, 3, 2), (2, 2, 2), (1, 3, 4), (4, 1, 1), (2, 3, 1), (1, 4, 4), (1, 6, 3), (1, 5, 8)),
)
_AXIS: dict[str, tuple[int, ...]] = {
    "kernel": (1, 2, 3, 4, 5),
    "stride": (1, 2, 3, 4),
    "padding": (0, 1, 2, 3),
    "dilation": (1, 2, 3),
    "outputs": (0, 1, 2, 3),
    "remainder": (0, 1, 2, 3),
}
_LEVELS: dict[str, tuple[Any, ...]] = {
    "batch": (1, 2, 3, 4),
    "channels": _CHANNELS,
    **{f"{name}_h": levels for name, levels in _AXIS.items()},
    **{f"{name}_w": levels for name, levels in _AXIS.items()},
}
_SIZES = tuple(len(levels) for levels in _LEVELS.values())


def enumerated_geometries() -> Iterator[Geometry]:
    """Every small geometry, each once, by the number of steps from the very smallest.

    >>> [str(geometry) for geometry, _ in zip(enumerated_geometries(), range(2))]
    ['n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1', 'n1 c1 h1 w2 o1 k1x1 s1 p0 d1 g1']
    """
    for steps in count():
        found = False
        for places in _compositions(steps, _SIZES):
            found = True
            geometry = _small(places)
            if geometry is not None:
                yield geometry
        if not found:
            return


def small_geometry(random: Random) -> Geometry:
    """One of the small geometries, each level of a factor as likely as the others."""
    while True:
        places = [random.randrange(size) for size in _SIZES]
        geometry = _small(places, wrap=True)
        if geometry is not None:
            return geometry


def alike_geometry(random: Random) -> Geometry:
    """One of which many sizes are one number: the batch, channels, kernel and outputs.

    >>> str(alike_geometry(Random(0)))
    'n3 c3 h5 w5 o3 k3x3 s1 p0 d1 g1'

    Args:
        random: a stream.
    """
    size, stride, dilation = (random.choice(levels) for levels in ((2, 3), (1, 1, 2), (1, 1, 2)))
    extent = stride * (size - 1) + dilation * (size - 1) + 1
    return Geometry(
        batch=size,
        in_channels=size,
        out_channels=size,
        input_size=(extent, extent),
        kernel_size=(size, size),
        stride=(stride, stride),
        dilation=(dilation, dilation),
    )


def _compositions(steps: int, sizes: Sequence[int]) -> Iterator[list[int]]:
    """All places below the sizes that add up to the steps; the last ones change first."""
    if not sizes:
        if steps == 0:
            yield []
        return
    room = sum(size - 1 for size in sizes[1:])
    for place in range(max(0, steps - room), min(steps, sizes[0] - 1) + 1):
        for rest in _compositions(steps - place, sizes[1:]):
            yield [place, *rest]


def _small(places: Sequence[int], *, wrap: bool = False) -> Geometry | None:
    """The geometry at these places; none where a remainder is not below its stride.

    Args:
        places: one in each factor's levels.
        wrap: take the remainder modulo the stride instead.
    """
    chosen = {
        name: levels[place] for (name, levels), place in zip(_LEVELS.items(), places, strict=True)
    }
    groups, group_in, group_out = chosen["channels"]
    axes = []
    for axis in "hw":
        sizes: dict[str, int] = {name: chosen[f"{name}_{axis}"] for name in _AXIS}
        if wrap:
            sizes["remainder"] %= sizes["stride"]
        if sizes["remainder"] >= sizes["stride"]:
            return None
        axes.append((axis_sizes(**sizes).input, sizes))
    (height, down), (width, across) = axes
    return Geometry(
        batch=chosen["batch"],
        in_channels=groups * group_in,
        out_channels=groups * group_out,
        groups=groups,
        input_size=(height, width),
        kernel_size=(down["kernel"], across["kernel"]),
        stride=(down["stride"], across["stride"]),
        padding=((down["padding"],) * 2, (across["padding"],) * 2),
        dilation=(down["dilation"], across["dilation"]),
    )


@dataclass(frozen=True)
class _Large:
    """Levels around the sizes at which libraries change their algorithm or block."""

    batch: tuple[int, ...] = (1, 1, 2, 3, 5, 16, 17, 33, 257)
    groups: tuple[int, ...] = (1, 1, 1, 2, 4)
    channels: tuple[int, ...] = (1, 3, 7, 8, 15, 16, 17, 24, 31, 32, 33, 64, 65)
    kernel: tuple[int, ...] = (1, 1, 2, 3, 3, 3, 5, 7)
    stride: tuple[int, ...] = (1, 1, 1, 2, 2, 3)
    padding: tuple[int, ...] = (0, 0, 1, 1, 2, 3)
    dilation: tuple[int, ...] = (1, 1, 1, 2)
    output: tuple[int, ...] = (1, 2, 4, 6, 7, 8, 12, 14, 16, 17, 28, 31)


# Products of one forward pass: some 20 ms of the oracle.
_MOST_PRODUCTS = 4_000_000


def large_geometry(random: Random) -> Geometry:
    """A geometry of many channels, pixels or samples, of at most four million products."""
    levels = _Large()
    while True:
        geometry = _large(levels, random)
        kernel = geometry.weight_shape
        positions = geometry.batch * geometry.output_size[0] * geometry.output_size[1]
        if positions * kernel[0] * kernel[1] * kernel[2] * kernel[3] <= _MOST_PRODUCTS:
            return geometry


def _large(levels: _Large, random: Random) -> Geometry:
    depthwise = random.random() < 0.2
    groups = random.choice(levels.channels if depthwise else levels.groups)
    group_in, group_out = (
        random.choice((1, 1, 2) if depthwise else levels.channels) for _ in range(2)
    )
    square = random.random() < 0.5
    axes: list[dict[str, int]] = []
    for axis in range(2):
        if axis and square:
            axes.append(axes[0])
            continue
        stride = random.choice(levels.stride)
        axes.append(
            {
                "kernel": random.choice(levels.kernel),
                "stride": stride,
                "padding": random.choice(levels.padding),
                "dilation": random.choice(levels.dilation),
                "outputs": random.choice(levels.output) - 1,
                "remainder": random.randrange(stride),
            }
        )
    return Geometry(
        batch=random.choice(levels.batch),
        in_channels=groups * group_in if not depthwise else groups,
        out_channels=groups * group_out,
        groups=groups,
        input_size=(axis_sizes(**axes[0]).input, axis_sizes(**axes[1]).input),
        kernel_size=(axes[0]["kernel"], axes[1]["kernel"]),
        stride=(axes[0]["stride"], axes[1]["stride"]),
        padding=((axes[0]["padding"],) * 2, (axes[1]["padding"],) * 2),
        dilation=(axes[0]["dilation"], axes[1]["dilation"]),
    )
