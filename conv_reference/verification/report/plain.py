"""What comes from a target, made harmless: see ``model.printable``."""

from __future__ import annotations

from conv_reference.verification.model.printable import one_line, printable

__all__ = ["one_line", "printable"]


def counted(number: int, noun: str) -> str:
    """``1 case``, ``2,000 cases``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
