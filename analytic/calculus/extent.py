"""How much a derivation writes down, counted before any of it is."""

from __future__ import annotations

from math import prod

from analytic.calculus.geometry import Geometry


def extent(geometry: Geometry) -> int:
    """At most so many symbols, products and cells of planes; the work grows with them.

    Example:
        >>> extent(Geometry((2, 3), (1, 2)))
        30
    """
    axes = geometry.rows, geometry.columns
    samples, outputs, inputs = geometry.batch, geometry.out_channels, geometry.group_inputs
    pixels = samples * geometry.in_channels * prod(axis.padded for axis in axes)
    taps = outputs * inputs * prod(axis.reach for axis in axes)
    stops = samples * outputs * prod(axis.output for axis in axes)
    # Of the upstream gradient spread by the stride there are as many cells as of the padded input.
    products = stops * inputs * prod(geometry.kernel)
    return 2 * pixels + taps + 2 * stops + products
