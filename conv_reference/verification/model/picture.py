"""A finding's numbers, to be drawn: what an element is made of, should be and is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Plane:
    """The last two dimensions of a tensor at one place of the others."""

    tensor: str  # X, K, G, b, or the finding's quantity
    label: str  # with the place where there are several: "X[0,1]"
    leading: tuple[int, ...]  # the place; () of a tensor with one dimension, which is one row
    numbers: tuple[tuple[str, ...], ...]  # by row


class Part(StrEnum):
    """How a product takes part in an element."""

    SHOULD = "should"  # it belongs to it; where the target could be read out, it is there, too
    LACKING = "lacking"  # it belongs to it, and is not there, or not often enough
    ADDED = "added"  # it is there, and should not be, or not so often


@dataclass(frozen=True)
class Term:
    """One product of an element."""

    factors: tuple[tuple[str, tuple[int, ...]], ...]  # the tensor and the index of each
    part: Part


@dataclass(frozen=True)
class Picture:
    """One wrong element on a small case."""

    operands: tuple[Plane, ...]
    should: Plane
    actual: Plane  # with the shape of `should`
    terms: tuple[Term, ...]  # in the order of the formula; what is added comes last
