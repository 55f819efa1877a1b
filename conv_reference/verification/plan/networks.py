"""The convolution layers of known networks, as geometries with one sample; and their like, small.

Channels, kernels, strides, padding, dilation and groups are those of the papers; height and
width are cut where the whole image would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from conv_reference.geometry import Geometry

NETWORKS: dict[str, tuple[str, ...]] = {
    # Krizhevsky, Sutskever and Hinton, 2012
    "AlexNet": (
        "c3 h67 w67 o64 k11 s4 p2",
        "c64 h13 w13 o192 k5 p2",
        "c192 h13 w13 o384 k3 p1",
    ),
    # Simonyan and Zisserman, 2015
    "VGG": ("c3 h32 w32 o64 k3 p1", "c64 h28 w28 o128 k3 p1", "c256 h14 w14 o256 k3 p1"),
    # Szegedy et al., 2016
    "Inception": (
        "c128 h17 w17 o128 k1x7 p0x3",
        "c128 h17 w17 o192 k7x1 p3x0",
        "c32 h35 w35 o64 k3 s2",
    ),
    # He et al., 2016
    "ResNet": (
        "c3 h64 w64 o64 k7 s2 p3",
        "c64 h28 w28 o64 k1",
        "c64 h28 w28 o64 k3 p1",
        "c128 h28 w28 o128 k3 s2 p1",
        "c256 h14 w14 o512 k1 s2",
        "c512 h7 w7 o512 k3 p1",
    ),
    # Xie et al., 2017
    "ResNeXt": ("c128 h28 w28 o128 k3 p1 g32", "c256 h28 w28 o256 k3 s2 p1 g32"),
    # Sandler et al., 2018
    "MobileNet": (
        "c3 h56 w56 o32 k3 s2 p1",
        "c32 h56 w56 o32 k3 p1 g32",
        "c96 h56 w56 o96 k3 s2 p1 g96",
        "c144 h28 w28 o24 k1",
        "c576 h14 w14 o576 k3 s2 p1 g576",
    ),
    # Tan and Le, 2019
    "EfficientNet": ("c144 h28 w28 o144 k5 s2 p2 g144", "c672 h14 w14 o672 k5 p2 g672"),
    # Chen et al., 2017
    "DeepLab": ("c128 h33 w33 o64 k3 p12 d12", "c128 h33 w33 o64 k3 p24 d24"),
    # Liu et al., 2022
    "ConvNeXt": ("c3 h64 w64 o96 k4 s4", "c96 h28 w28 o96 k7 p3 g96", "c96 h28 w28 o192 k2 s2"),
    # Dosovitskiy et al., 2021: patches
    "ViT": ("c3 h64 w64 o192 k16 s16",),
}

STEM = Geometry.parse(NETWORKS["ResNet"][0])


def network_geometries() -> Iterator[Geometry]:
    """Every layer above, network after network."""
    for layers in NETWORKS.values():
        for layer in layers:
            yield Geometry.parse(layer)


@dataclass(frozen=True)
class _Miniature:
    """What the layers of networks have: libraries choose their fast paths by it."""

    batch: tuple[int, ...] = (1, 2, 2, 3, 4)
    channels: tuple[int, ...] = (1, 2, 3, 4, 5, 7, 8, 9)
    groups: tuple[int, ...] = (1, 1, 1, 2)
    kernel: tuple[int, ...] = (1, 1, 1, 2, 3, 3, 3, 5)
    stride: tuple[int, ...] = (1, 1, 2, 2, 3)
    dilation: tuple[int, ...] = (1, 1, 1, 2)
    multiples: tuple[int, ...] = (1, 2, 3, 4, 5)  # of the stride, as halved images are
    depthwise: float = 0.2  # of the layers


_ANY = _Miniature()
# Half of what networks have, and what most fast paths are for, Winograd's above all.
_COMMONEST = replace(
    _ANY,
    kernel=(3,),
    stride=(1,),
    dilation=(1,),
    groups=(1,),
    depthwise=0.0,
    multiples=(1, 2, 3, 4, 5, 6, 8),
)
# What most of the other layers are: a product of matrices, for which many have a path of its own.
_POINTWISE = replace(_COMMONEST, kernel=(1,))
# Stems, and depthwise layers of later networks: for these some transform.
_LARGE = replace(
    _ANY,
    channels=(1, 2, 3, 4),
    kernel=(5, 7, 7, 7, 9, 11),
    stride=(1, 1, 1, 2),
    dilation=(1,),
    multiples=(1, 2, 3, 5, 8, 12),
    depthwise=0.5,
)
_COMMON = 0.25  # of the miniatures
_OF_POINTS = 0.12  # of them, too
_OF_LARGE_KERNELS = 0.15
_KINDS = (_COMMONEST, _POINTWISE, _LARGE, _ANY)
_OF_EACH = (_COMMON, _OF_POINTS, _OF_LARGE_KERNELS, 1 - _COMMON - _OF_POINTS - _OF_LARGE_KERNELS)


def miniature(random: Random) -> Geometry:
    """A layer as networks have it, on images of a few pixels, which its stride often divides."""
    (levels,) = random.choices(_KINDS, _OF_EACH)
    while True:
        axes = [_axis(levels, random) for _ in range(2)]
        if random.random() < 0.75:  # all but the sizes of the image
            axes[1] = {**axes[0], "input": axes[0]["stride"] * random.choice(levels.multiples)}
        if all(a["input"] + 2 * a["padding"] > a["dilation"] * (a["kernel"] - 1) for a in axes):
            break
    depthwise = random.random() < levels.depthwise
    groups = random.choice(levels.channels if depthwise else levels.groups)
    group_in, group_out = (
        random.choice((1, 1, 2) if depthwise else levels.channels) for _ in range(2)
    )
    return Geometry(
        batch=random.choice(levels.batch),
        in_channels=groups if depthwise else groups * group_in,
        out_channels=groups * group_out,
        groups=groups,
        input_size=(axes[0]["input"], axes[1]["input"]),
        kernel_size=(axes[0]["kernel"], axes[1]["kernel"]),
        stride=(axes[0]["stride"], axes[1]["stride"]),
        padding=((axes[0]["padding"],) * 2, (axes[1]["padding"],) * 2),
        dilation=(axes[0]["dilation"], axes[1]["dilation"]),
    )


def _axis(levels: _Miniature, random: Random) -> dict[str, int]:
    kernel, dilation = random.choice(levels.kernel), random.choice(levels.dilation)
    stride = random.choice(levels.stride)
    return {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": random.choice((0, dilation * (kernel - 1) // 2)),
        "input": stride * random.choice(levels.multiples),
    }
