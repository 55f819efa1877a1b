"""The chapter's code, and what the chapter says of it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from conv_reference.chapter.own import book
from conv_reference.chapter.parts.material import Gettext, Material
from conv_reference.chapter.statements import STATEMENTS, Statement


@dataclass(frozen=True)
class Code:
    """The layer, and statements that have run."""

    statements: tuple[Statement, ...] = STATEMENTS

    @classmethod
    def compute(cls, material: Material) -> Code:  # noqa: ARG003 (code needs no images)
        """Run them, so that one that raises does it here."""
        for statement in STATEMENTS:
            _ = statement.output
        return cls()

    @property
    def layer(self) -> str:
        """The chapter's layer as the book has it, ``__init__`` and forward pass."""
        return book.LAYER

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """None: code and what it prints."""
        return {}
