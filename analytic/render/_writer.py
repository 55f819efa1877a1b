"""What all formats share: each block goes to the method of its kind, prose to the translator."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from gettext import NullTranslations
from typing import Generic, TypeVar

from analytic.calculus.notation import Expr
from analytic.locale import is_right_to_left
from analytic.render._direction import isolated
from analytic.telling.document import (
    Block,
    CaseTable,
    Check,
    Document,
    Formula,
    Formulas,
    Grid,
    Grids,
    Items,
    Matrix,
    Paragraph,
)
from analytic.telling.message import Message, Value, _n

T = TypeVar("T")


class BlockWriter(ABC, Generic[T]):
    """Writes the blocks of one document; a format is a subclass."""

    def __init__(self, document: Document, translations: NullTranslations) -> None:
        self.document = document
        self.translations = translations
        self.right_to_left = is_right_to_left(translations)

    def block(self, block: Block) -> T:
        """Write one block of any kind."""
        match block:
            case Paragraph():
                written = self.paragraph(block)
            case Formulas():
                written = self.formulas(block)
            case Grids():
                written = self.grids(block)
            case Matrix():
                written = self.matrix(block)
            case CaseTable():
                written = self.cases(block)
            case Items():
                written = self.items(block)
            case Check():
                written = self.check(block)
        return written

    @abstractmethod
    def paragraph(self, block: Paragraph) -> T:
        """Prose."""

    @abstractmethod
    def formulas(self, block: Formulas) -> T:
        """Formulas, aligned."""

    @abstractmethod
    def grids(self, block: Grids) -> T:
        """Planes, side by side."""

    @abstractmethod
    def matrix(self, block: Matrix) -> T:
        """A Jacobian, or its entries where it is large."""

    @abstractmethod
    def cases(self, block: CaseTable) -> T:
        """The pixels in cases."""

    @abstractmethod
    def items(self, block: Items) -> T:
        """A list of sentences."""

    @abstractmethod
    def check(self, block: Check) -> T:
        """What a check gave."""

    @abstractmethod
    def inline(self, value: Formula | Expr) -> str:
        """Mathematics within a sentence, in the format's notation."""

    def escape(self, text: str) -> str:
        """Prose in the format's notation; as it is, where the format has no special characters."""
        return text

    def say(self, message: Message) -> str:
        """A sentence in the reader's language: its prose escaped, its mathematics not."""
        held: list[str] = []

        def hold(value: Value) -> str:
            held.append(self.inline(value))
            return f"\ue000{len(held) - 1}\ue001"  # private characters, which nothing escapes

        text = message.translate(self.translations, hold)
        text = re.sub(r"(?<!\w)-(?=[0-9])", "−", text)
        if self.right_to_left:
            # Or a reader from the right would take 2×3 for three rows of two, and −1 for 1−.
            text = re.sub(r"−[0-9]+|[0-9]+(×[0-9]+)+", isolated(r"\g<0>"), text)
        prose = self.escape(text)
        return re.sub("\ue000([0-9]+)\ue001", lambda place: held[int(place[1])], prose)


def selected(grids: Sequence[Grid], most: int) -> list[Grid]:
    """All grids, or the first two of each tensor where there are too many."""
    if len(grids) <= most:
        return list(grids)
    before = Counter[str]()
    kept = []
    for grid in grids:
        before[grid.quantity] += 1
        if before[grid.quantity] <= 2:
            kept.append(grid)
    return kept


def relations(formula: Formula) -> tuple[str, ...]:
    """One relation between each two sides."""
    return formula.relations or ("=",) * (len(formula.sides) - 1)


def more(number: int) -> Message:
    """What stands in the place of things left out."""
    return _n("({number} more)", "({number} more)", number)


def pixels(number: int) -> Message:
    """How many a shortened list of pixels has."""
    return _n("{number} pixel", "{number} pixels", number)


def sparse(block: Matrix) -> Message:
    """What introduces the entries of a Jacobian that is too large to be shown in full."""
    rows, columns = block.jacobian.shape
    return _n(
        "{label} has {rows} × {columns} elements. All but {number} are 0:",
        "{label} has {rows} × {columns} elements. All but {number} are 0:",
        len(block.jacobian.entries),
        label=block.label,
        rows=rows,
        columns=columns,
    )
