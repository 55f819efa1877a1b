"""The command that derives, step by step, what a finding's geometry should give."""

from __future__ import annotations

from math import prod

from conv_reference.geometry import Geometry
from conv_reference.quantities import ROLE_OF
from conv_reference.verification.model.result import Finding

_MOST_SYMBOLS = 200  # of X, K and Y together: what is larger is no page that one reads


def derivation(finding: Finding) -> str:
    """``python -m analytic --geometry "..."``; empty where the geometry is none, or large."""
    geometry = derived_geometry(finding, _MOST_SYMBOLS)
    return f'python -m analytic --geometry "{geometry}"' if geometry else ""


def derived_geometry(finding: Finding, most: int) -> str:
    """The geometry that is derived; empty where it is none, large, or has an empty tensor.

    Args:
        finding: whose it is.
        most: symbols of X, K and Y together.
    """
    if not finding.of_numbers or finding.quantity in ROLE_OF:  # those should be as they were given
        return ""
    try:
        geometry = Geometry.parse(finding.geometry)
    except (ValueError, TypeError):  # of a report that was made elsewhere
        return ""
    if geometry.padding_mode != "zeros":  # which the derivation does not know
        return ""
    shapes = (geometry.input_shape, geometry.weight_shape, geometry.output_shape)
    sizes = [*map(prod, shapes)]
    return str(geometry) if min(sizes) > 0 and sum(sizes) <= most else ""  # of nothing, nothing
