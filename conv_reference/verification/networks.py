"""The convolution layers of known networks, as geometries with one sample.

Channels, kernels, strides, padding, dilation and groups are those of the papers; height and
width are cut where the whole image would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def network_geometries() -> Iterator[Geometry]:
    """Every layer above, network after network."""
    for layers in NETWORKS.values():
        for layer in layers:
            yield Geometry.parse(layer)
