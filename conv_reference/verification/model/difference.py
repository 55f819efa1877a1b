"""Where an answer differs from what it should be: what a report draws as a map."""

from __future__ import annotations

from dataclasses import dataclass

EQUAL, NO_NUMBER = "0", "n"  # of a cell; between them 1, 2, 3 and 4, the greatest differences


@dataclass(frozen=True)
class Axis:
    """One dimension of the answer, and at which of its places something differs."""

    name: str  # sample, channel, row, column, ...
    size: int
    places: tuple[int, ...]


@dataclass(frozen=True)
class Sheet:
    """The last two dimensions at one place of the others."""

    label: str  # "Y[0,1]"
    rows: tuple[str, ...]  # a character for each element, see ``EQUAL``


@dataclass(frozen=True)
class Difference:
    """One quantity of one case, beside what it should be."""

    quantity: str
    geometry: str
    layout: str
    axes: tuple[Axis, ...]
    differing: int  # elements
    sheets: tuple[Sheet, ...]
    hidden: int = 0  # further sheets
    # How many of those carry how many whole bits, relative to the sum of their absolute products.
    bits: tuple[tuple[int, int], ...] = ()
    expected_bits: int = 0  # of the dtype
