"""The theorem held against differentiation, over small geometries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as cartesian

from analytic.calculus.closed_form import equal
from analytic.calculus.definition import definition
from analytic.calculus.differentiation import chain_rule, differentiate
from analytic.calculus.geometry import Geometry, GeometryError
from analytic.calculus.notation import Names
from analytic.calculus.tensors import Tensors
from analytic.theorem.instance import instantiate


def confirm(names: Names) -> tuple[int, bool]:
    """Compare the two routes on every small axis.

    Returns:
        The number of geometries, and whether the routes agree on all of them.
    """
    verdicts = [agrees(geometry, names) for geometry in axes()]
    return len(verdicts), all(verdicts)


def agrees(geometry: Geometry, names: Names | None = None) -> bool:
    """Whether the theorem, made concrete, is what differentiation gives.

    Example:
        >>> agrees(Geometry((2, 3), (1, 2)))
        True
    """
    names = names or Names()
    instance = instantiate(geometry, names=names)
    tensors = Tensors.make(geometry, names)
    X, K, Y, G = tensors.X, tensors.K, tensors.Y, tensors.G
    output = definition(geometry, X, K, tensors.b)
    by_kernel, by_input = differentiate(output, Y, (K, X))
    gradient = chain_rule(G, by_input)
    return (
        instance.jacobian_kernel.entries == by_kernel.entries
        and instance.jacobian_input.entries == by_input.entries
        and instance.gradient_input.keys() == gradient.keys()
        and all(equal(instance.gradient_input[pixel], gradient[pixel]) for pixel in gradient)
    )


def axes(
    *, input: int = 4, kernel: int = 3, stride: int = 3, padding: int = 1, dilation: int = 2
) -> Iterator[Geometry]:
    """Every geometry of one row whose sizes are within the bounds, each included.

    Example:
        >>> len(list(axes(input=2, kernel=2, stride=1, padding=0, dilation=1)))
        3
    """
    sizes = (
        range(1, input + 1),
        range(1, kernel + 1),
        range(1, stride + 1),
        range(padding + 1),
        range(padding + 1),
        range(1, dilation + 1),
    )
    for h, k, s, before, after, d in cartesian(*sizes):
        try:
            yield Geometry(
                (1, h), (1, k), stride=(1, s), padding=(0, (before, after)), dilation=(1, d)
            )
        except GeometryError:  # the kernel does not fit
            continue
