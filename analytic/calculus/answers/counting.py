"""The values of indices and limits, and what a sum without limits counts over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product as cartesian
from math import floor, prod

from analytic.calculus.answers.nodes import (
    Floor,
    Letter,
    Limit,
    Node,
    Number,
    Over,
    Plus,
    Sigma,
    Times,
)
from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.notation import Tensor

MOST_TERMS = 200_000  # of one formula, multiplied out

#: By the letter that is written.
Tensors = Mapping[str, Tensor]


def number(node: Node, values: Mapping[str, int]) -> Fraction:
    """The value of an index, a limit or what divides.

    Raises:
        AnswerError: It holds what has none, or is divided by 0.
    """
    match node:
        case Number(value):
            result = value
        case Letter(name, None) if name in values:
            result = Fraction(values[name])
        case Plus(parts):
            result = sum((number(part, values) for part in parts), Fraction(0))
        case Times(factors):
            result = prod((number(factor, values) for factor in factors), start=Fraction(1))
        case Floor(inner):
            result = Fraction(floor(number(inner, values)))
        case Over(kind, above, below):
            result = _divided(kind, number(above, values), number(below, values))
        case Letter(name, _):
            known = f"the letters {', '.join(values)}" if values else "no letters"
            raise AnswerError(
                f"indices, limits and what divides are made of numbers and {known}, got {name!r}"
            )
        case _:
            raise AnswerError("indices, limits and what divides are numbers, got a sum")
    return result


def _divided(kind: str, above: Fraction, below: Fraction) -> Fraction:
    if not below:
        raise AnswerError("nothing can be divided by 0")
    return above % below if kind == "mod" else above / below


def full_index(name: str, places: Sequence[Fraction], tensor: Tensor) -> tuple[Fraction, ...]:
    """The indices in full: of leading ones that are not written, 0.

    Raises:
        AnswerError: There are more or fewer than the tensor has.
    """
    if len(places) == len(tensor.shape):
        return tuple(places)
    if len(places) != sum(tensor.written):
        raise AnswerError(
            f"{name} must have {sum(tensor.written)} indices, got {len(places)}: "
            f"{name}[{','.join(map(str, places))}]"
        )
    given = iter(places)
    return tuple(next(given) if written else Fraction(0) for written in tensor.written)


def grid(tensor: Tensor) -> str:
    """The sizes of those dimensions that are written: 2×3."""
    return "×".join(map(str, _written(tensor)))


def counted(
    sigma: Sigma, values: Mapping[str, int], tensors: Tensors, most: int
) -> list[dict[str, int]]:
    """The values of all letters, for each term of a sum.

    Raises:
        AnswerError: There are too many.
    """
    names = [limit.name for limit in sigma.limits]
    ranges = [_range(limit, sigma.body, values, tensors) for limit in sigma.limits]
    size = prod(map(len, ranges))
    if size > most:
        raise AnswerError(f"a sum must have at most {most:,} terms here, got {size:,}")
    return [{**values, **dict(zip(names, counts, strict=True))} for counts in cartesian(*ranges)]


def _range(limit: Limit, body: Node, values: Mapping[str, int], tensors: Tensors) -> range:
    if limit.low is not None and limit.high is not None:
        low, high = floor(number(limit.low, values)), floor(number(limit.high, values))
        # So that its length is a number that a machine holds.
        return range(low, min(high, low + 2 * MOST_TERMS) + 1)
    sizes = [
        size
        for letter in _elements(body)
        if letter.name in tensors
        for size in _sizes_at(letter, limit.name, tensors[letter.name])
    ]
    if sizes:
        return range(min(sizes))  # beyond, an element is outside its grid, and the term 0
    most = max(size for tensor in tensors.values() for size in tensor.shape)
    return range(-most, most + 1)


def _sizes_at(letter: Letter, name: str, tensor: Tensor) -> Iterator[int]:
    """The sizes of those dimensions whose index is this letter alone."""
    indices = letter.indices or ()
    shape = tensor.shape if len(indices) == len(tensor.shape) else _written(tensor)
    for index, size in zip(indices, shape, strict=False):
        if index == Letter(name):
            yield size


def _written(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size for size, w in zip(tensor.shape, tensor.written, strict=True) if w)


def _elements(node: Node) -> Iterator[Letter]:
    match node:
        case Letter():
            yield node
        case Plus(parts) | Times(parts):
            for part in parts:
                yield from _elements(part)
        case Sigma(_, inner) | Over(_, inner, _) | Floor(inner):
            yield from _elements(inner)
