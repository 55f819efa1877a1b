"""What a written formula is made of."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True)
class Number:
    """A number."""

    value: Fraction


@dataclass(frozen=True)
class Letter:
    """A name, alone or with indices: an index that counts, a tensor, or an element of one."""

    name: str
    indices: tuple[Node, ...] | None = None


@dataclass(frozen=True)
class Plus:
    """A sum of terms."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Times:
    """A product of factors."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Over:
    """A quotient; `kind` is "/" or "mod"."""

    kind: str
    above: Node
    below: Node


@dataclass(frozen=True)
class Floor:
    """The greatest whole number that is not greater."""

    inner: Node


@dataclass(frozen=True)
class Limit:
    """A letter that a sum counts with, from low to high where that is written."""

    name: str
    low: Node | None = None
    high: Node | None = None


@dataclass(frozen=True)
class Sigma:
    """A sum over all values of some letters."""

    limits: tuple[Limit, ...]
    body: Node


Node: TypeAlias = Number | Letter | Plus | Times | Over | Floor | Sigma
Rows: TypeAlias = tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Answer:
    """What somebody claims."""

    of: Letter  # what is differentiated: C in dC/dX, Y in dY/dX; or Y itself
    by: Letter | None  # by what; None where an output is claimed
    value: Node | Rows
