"""Numbers for a derivation's tensors: written by hand, given from code, or counted up from one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from itertools import product as cartesian
from typing import Any

from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Index

#: One tensor's numbers, by full index.
Figures = Mapping[Index, Fraction]

_NUMBER = re.compile(r"[+-]?[0-9]+(/[0-9]*[1-9][0-9]*|\.[0-9]+)?")
_MOST_SIGNS = 100  # Python refuses to read some thousands
_EXAMPLE = "X=1,2,3;4,5,6 K=1,-1/2"


class ValuesError(ValueError):
    """Values that cannot be; the message is one line."""


@dataclass(frozen=True)
class Values:
    """Exact numbers for the tensors of one geometry; made by `of` or `parse_values`.

    V, W and Z come down for the gradients by X, K and b in double backward; where none of them is
    given, the second order stays symbolic.
    """

    X: Figures  # (N, C, H, W)
    K: Figures  # (O, C/groups, kernel rows, kernel columns)
    G: Figures  # (N, O, output rows, output columns)
    b: Figures | None = None  # (O,), where the geometry has a bias
    V: Figures | None = None  # as X
    W: Figures | None = None  # as K
    Z: Figures | None = None  # as b

    @property
    def for_double_backward(self) -> bool:
        """Whether V, W and, with a bias, Z are given."""
        return self.V is not None

    @classmethod
    def of(cls, geometry: Geometry, **tensors: Any) -> Values:
        """Take numbers from nested lists or arrays.

        Args:
            geometry: The sizes.
            tensors: Any of X, K, G, b, V, W and Z, in full shape or without leading dimensions of
                size one; of whole numbers, fractions or floats (each exactly what it is). What is
                not given counts up from one; but V, W and Z only where one of them is given.

        Raises:
            ValuesError: There is no such tensor, its shape is another, or it holds what is no
                number.

        Example:
            >>> Values.of(Geometry((2, 3), (1, 2)), K=[[1, -1]]).K[0, 0, 0, 1]
            Fraction(-1, 1)
        """
        shapes = _shapes(geometry)
        given: dict[str, Figures] = {}
        for letter, array in tensors.items():
            shape = _shape(letter, shapes)
            listed = array.tolist() if hasattr(array, "tolist") else array
            given[letter] = dict(zip(_indices(shape), _flat(letter, listed, shape), strict=True))
        return _complete(shapes, given)


def parse_values(text: str, geometry: Geometry) -> Values:
    """Read the numbers that a user wrote.

    ``LETTER=NUMBERS``, separated by spaces: commas between the numbers of a row, semicolons
    between rows, ``|`` between planes (all channels of the first sample, then of the next). A
    number is whole, a fraction or a decimal: ``-3``, ``1/2``, ``0.5``; all are exact. One number
    alone fills the tensor. The letters are X, K, G and, for double backward, V and W; with a
    bias, b and Z too, each a single row. What is not given counts up from one: 1, 2, 3, ...; but
    where neither V, W nor Z is, the second order stays symbolic.

    Args:
        text: What was written.
        geometry: The sizes.

    Raises:
        ValuesError: It does not read so, or the sizes are others.

    Example:
        >>> values = parse_values("X=1,2,3;4,5,6 G=1/2", Geometry((2, 3), (1, 2)))
        >>> values.X[0, 0, 1, 0], values.G[0, 0, 1, 1]
        (Fraction(4, 1), Fraction(1, 2))
    """
    shapes = _shapes(geometry)
    given: dict[str, Figures] = {}
    for part in re.split(r"\s+(?=\w+\s*=)", text.strip()) if text.strip() else ():
        letter, equals, body = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValuesError(f"values are written like {_EXAMPLE!r}, not {part!r}")
        shape = _shape(letter, shapes)
        if letter in given:
            raise ValuesError(f"{letter} is given twice in {text!r}; accepted is once")
        given[letter] = dict(zip(_indices(shape), _read(letter, body, shape), strict=True))
    return _complete(shapes, given)


def _read(letter: str, body: str, shape: Index) -> Iterator[Fraction]:
    size = 1
    for extent in shape:
        size *= extent
    if not re.search(r"[,;|]", body):
        return iter([_number(letter, body)] * size)
    planes = [
        [[_number(letter, number) for number in row.split(",")] for row in plane.split(";")]
        for plane in body.split("|")
    ]
    width = shape[-1]
    height = shape[-2] if len(shape) > 1 else 1
    fits = len(planes) * height * width == size and all(
        len(plane) == height and all(len(row) == width for row in plane) for plane in planes
    )
    if not fits:
        planes_wanted = size // (height * width)
        wanted = f"{height}×{width} numbers"
        if planes_wanted > 1:
            wanted = f"{planes_wanted} planes of {wanted}"
        raise ValuesError(f"{letter} must have {wanted} (or one for all), not {body!r}")
    return (number for plane in planes for row in plane for number in row)


def _number(letter: str, text: str) -> Fraction:
    plain = text.strip().replace("−", "-")  # a minus sign copied from a printout
    if not _NUMBER.fullmatch(plain):
        raise ValuesError(f"{letter} must hold numbers like -3, 1/2 or 0.5, not {text.strip()!r}")
    if len(plain) > _MOST_SIGNS:
        raise ValuesError(
            f"{letter} must hold numbers of at most {_MOST_SIGNS} signs, got one of {len(plain)}"
        )
    return Fraction(plain)


def _flat(letter: str, listed: Any, shape: Index) -> list[Fraction]:
    found: list[int] = []
    inner = listed
    while isinstance(inner, list | tuple):
        found.append(len(inner))
        inner = inner[0] if inner else None
    numbers = list(_leaves(letter, listed, tuple(found)))
    leading = len(shape) - len(found)
    if leading < 0 or shape[leading:] != tuple(found) or any(n != 1 for n in shape[:leading]):
        raise ValuesError(f"{letter} must have the shape {shape}, not {tuple(found)}")
    return numbers


def _leaves(letter: str, listed: Any, shape: Index) -> Iterator[Fraction]:
    if not shape:
        try:
            yield Fraction(str(listed)) if not isinstance(listed, float) else Fraction(listed)
        except (ValueError, OverflowError) as error:
            raise ValuesError(f"{letter} must hold numbers, not {listed!r}") from error
        return
    if not isinstance(listed, list | tuple) or len(listed) != shape[0]:
        raise ValuesError(f"{letter} must have rows of one length, not {listed!r}")
    for part in listed:
        yield from _leaves(letter, part, shape[1:])


def _shapes(geometry: Geometry) -> dict[str, Index]:
    N, O = geometry.batch, geometry.out_channels
    shapes: dict[str, Index] = {
        "X": (N, geometry.in_channels, *geometry.input),
        "K": (O, geometry.group_inputs, *geometry.kernel),
        "G": (N, O, *geometry.output),
    }
    shapes |= {"V": shapes["X"], "W": shapes["K"]}
    return shapes | {"b": (O,), "Z": (O,)} if geometry.bias else shapes


def _shape(letter: str, shapes: Mapping[str, Index]) -> Index:
    if letter not in shapes:
        raise ValuesError(
            f"values can be given for {', '.join(sorted(shapes))}, not for {letter!r}"
            + ("; there is no bias" if letter in {"b", "Z"} else "")
        )
    return shapes[letter]


def _complete(shapes: Mapping[str, Index], given: Mapping[str, Figures]) -> Values:
    """Count the tensors that are not given up from one; V, W and Z only where one of them is."""
    wanted = "XKGbVWZ" if given.keys() & {"V", "W", "Z"} else "XKGb"
    counted = {
        letter: dict(zip(_indices(shapes[letter]), map(Fraction, count(1)), strict=False))
        for letter in wanted
        if letter in shapes and letter not in given
    }
    return Values(**{**counted, **given})


def _indices(shape: Index) -> Iterator[Index]:
    return cartesian(*map(range, shape))
