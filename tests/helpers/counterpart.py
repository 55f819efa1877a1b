"""A geometry of the reference, as the derivation writes it: the two share no code."""

from __future__ import annotations

from analytic import Geometry
from conv_reference.geometry import Geometry as ReferenceGeometry


def counterpart(geometry: ReferenceGeometry) -> Geometry:
    """The same sizes, with a bias."""
    return Geometry(
        geometry.input_size,
        geometry.kernel_size,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        batch=geometry.batch,
        in_channels=geometry.in_channels,
        out_channels=geometry.out_channels,
        groups=geometry.groups,
        bias=True,
    )
