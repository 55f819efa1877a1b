"""What renderers print: steps of prose, formulas, grids, matrices and checks.

A renderer meets only what this module names, writes it in its format, and computes nothing.
Expressions are sympy's; sums are in reading order, so printers are given ``order="none"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from analytic.calculus.axis import Pair
from analytic.calculus.differentiation import Jacobian
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Expr
from analytic.telling.message import Message


@dataclass(frozen=True)
class Formula:
    """Sides joined by a relation: a = b = c, or 0 ≤ a < n."""

    sides: tuple[Expr, ...]
    relations: tuple[str, ...] = ()  # one between each two sides; all "=" where not given


@dataclass(frozen=True)
class Paragraph:
    """Prose."""

    text: Message


@dataclass(frozen=True)
class Formulas:
    """Formulas one below the other, aligned at the first relation."""

    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Grid:
    """A picture of one plane: numbers or symbols in rows and columns."""

    label: Expr | Message
    cells: tuple[tuple[Expr, ...], ...]
    quantity: str = ""  # "X", "K", "Y" or "G" where the cells are that tensor's, else empty
    leading: tuple[int, ...] = ()  # the indices of sample and channel

    @property
    def size(self) -> Pair:
        """Rows and columns."""
        return len(self.cells), len(self.cells[0])


@dataclass(frozen=True)
class Grids:
    """Grids side by side where there is room."""

    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Matrix:
    """A Jacobian in full, its rows and columns labelled."""

    label: Expr  # ∂Y/∂K
    jacobian: Jacobian


@dataclass(frozen=True)
class CaseTable:
    """The pixels in cases: what they share, and which they are."""

    cases: tuple[tuple[Message, tuple[Expr, ...]], ...]
    counts: Grid  # for each pixel of the plane, the number of outputs


@dataclass(frozen=True)
class Items:
    """An ordered list of short sentences."""

    items: tuple[Message, ...]


@dataclass(frozen=True)
class Check:
    """Something that was computed to be so, or not."""

    verdict: Message
    holds: bool


Block: TypeAlias = Paragraph | Formulas | Grids | Matrix | CaseTable | Items | Check


@dataclass(frozen=True)
class Step:
    """One step: a title, what it shows, and on what conditions."""

    title: Message
    blocks: tuple[Block, ...]
    conditions: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Document:
    """Steps in the order in which they are read."""

    title: Message
    steps: tuple[Step, ...]
    facts: tuple[Message, ...] = ()  # the sizes, in a few words each
    derivation: Gradients | None = None  # the data behind, for formats that give it out

    @property
    def has_one_digit_indices(self) -> bool:
        """Whether every index is one digit, so that X₀₁ can be read in one way only."""
        derivation = self.derivation
        tensors = () if derivation is None else (derivation.X, derivation.K, derivation.Y)
        return all(size <= 10 for tensor in tensors for size in tensor.shape)
