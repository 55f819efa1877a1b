"""The closed forms: each gradient as a convolution, and whether it is one.

All three maps of a convolution (input and kernel to output, and the two gradients) are built
here from padding, spreading, flipping and sliding alone. The geometry's index equation, from
which the derivation starts, is not used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sympy import S, expand

from analytic.calculus.axis import Axis, Pair
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Elements, Expr, Index, Tensor, terms, total
from analytic.calculus.plane import Plane, Sides, collect, correlate, flip, pad, spread


@dataclass(frozen=True)
class ClosedForm:
    """What a gradient is claimed to be, and whether it is so."""

    elements: Elements  # computed from the claim
    holds: bool  # whether every element equals the one that the chain rule gives


def check(claim: Elements, chain_rule: Elements) -> ClosedForm:
    """Compare a claim with what the chain rule gave, element by element, symbolically."""
    holds = claim.keys() == chain_rule.keys() and all(
        equal(claim[index], expression) for index, expression in chain_rule.items()
    )
    return ClosedForm(claim, holds)


def equal(left: Expr, right: Expr) -> bool:
    """Whether two expressions are the same polynomial.

    The same terms in another order settle it at once; sympy's `expand` settles the rest.
    """
    one, other = terms(left), terms(right)
    if len(one) == len(other) == len({*map(id, one)} & {*map(id, other)}):
        return True  # the very same objects, which spares looking into them
    if Counter(one) == Counter(other):
        return True
    return expand(left - right) is S.Zero


def input_gradient_sides(geometry: Geometry) -> Sides:
    """The zeros to put around the spread ∂C/∂Y; negative where some of it is cropped."""
    return (*_input_gradient_sides(geometry.rows), *_input_gradient_sides(geometry.columns))


def _input_gradient_sides(axis: Axis) -> Pair:
    # A full convolution pads by the kernel's reach less one. The result covers the padded input,
    # of which the padding is cropped, and the remainder of the stride, which no output saw, is
    # not yet part.
    full = axis.reach - 1
    return full - axis.before, full - axis.after + axis.remainder


def kernel_gradient_size(geometry: Geometry) -> Pair:
    """How many stops ∂C/∂Y has over the padded input, before the crop to the kernel's size."""
    return _kernel_gradient_stops(geometry.rows), _kernel_gradient_stops(geometry.columns)


def _kernel_gradient_stops(axis: Axis) -> int:
    covered = axis.stride * (axis.output - 1) + 1
    return (axis.padded - covered) // axis.dilation + 1


def spread_upstream(geometry: Geometry, upstream: Plane) -> Plane:
    """∂C/∂Y spread by the stride and padded, as the input's gradient slides over it."""
    return pad(spread(upstream, geometry.stride), input_gradient_sides(geometry))


def turned_kernel(geometry: Geometry, kernel: Plane) -> Plane:
    """The kernel spread by the dilation and flipped."""
    return flip(spread(kernel, geometry.dilation))


def forward(geometry: Geometry, input: Tensor, kernel: Tensor) -> dict[Index, list[Expr]]:
    """The terms of the padded input's cross-correlation with the spread kernel."""
    result: dict[Index, list[Expr]] = {}
    for n in range(geometry.batch):
        for o in range(geometry.out_channels):
            for channel in range(geometry.group_inputs):
                plane = Plane.of(input, n, geometry.input_channel(o, channel))
                weights = spread(Plane.of(kernel, o, channel), geometry.dilation)
                padded = pad(plane, geometry.sides)
                collect(result, (n, o), correlate(padded, weights, geometry.stride))
    return result


def kernel_gradient(geometry: Geometry, input: Tensor, upstream: Tensor) -> Elements:
    """The padded input's cross-correlation with the upstream gradient.

    Stride and dilation change places: the upstream gradient is spread by the stride and slides
    by the dilation. Where the stride leaves a remainder it could slide too far, so the result is
    cropped to the kernel's size.
    """
    result: dict[Index, list[Expr]] = {}
    for o in range(geometry.out_channels):
        for channel in range(geometry.group_inputs):
            for n in range(geometry.batch):
                plane = Plane.of(input, n, geometry.input_channel(o, channel))
                weights = spread(Plane.of(upstream, n, o), geometry.stride)
                padded = pad(plane, geometry.sides)
                stops = correlate(padded, weights, geometry.dilation, size=geometry.kernel)
                collect(result, (o, channel), stops)
    return totals(result)


def input_gradient(geometry: Geometry, upstream: Tensor, kernel: Tensor) -> Elements:
    """The full convolution of the upstream gradient with the kernel.

    The upstream gradient is spread by the stride; the flipped kernel, spread by the dilation,
    slides over it; padding is cropped, and pixels in the remainder of the stride get zero.
    """
    result: dict[Index, list[Expr]] = {}
    for n in range(geometry.batch):
        for o in range(geometry.out_channels):
            padded = spread_upstream(geometry, Plane.of(upstream, n, o))
            for channel in range(geometry.group_inputs):
                weights = turned_kernel(geometry, Plane.of(kernel, o, channel))
                leading = (n, geometry.input_channel(o, channel))
                collect(result, leading, correlate(padded, weights))
    return totals(result)


def bias_gradient(geometry: Geometry, upstream: Tensor) -> Elements:
    """The sum of the upstream gradient over samples and positions, one for each channel."""
    channels = range(geometry.out_channels)
    result: dict[Index, list[Expr]] = {(o,): [] for o in channels}
    for (_, o, _, _), symbol in upstream.items():
        result[(o,)].append(symbol)
    return totals(result)


def totals(listed: Mapping[Index, list[Expr]]) -> dict[Index, Expr]:
    """Sum the terms of each element; elements in the order of their indices."""
    return {index: total(listed[index]) for index in sorted(listed)}
