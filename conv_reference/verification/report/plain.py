"""What comes from a target, made harmless: see ``model.printable``."""

from __future__ import annotations

from collections.abc import Sequence

from conv_reference.verification.model.notes import Unjudged
from conv_reference.verification.model.printable import one_line, printable

__all__ = ["one_line", "printable"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Args:
        number: how many.
        noun: of one.
        plural: of several, where that is not the noun with an s.

    >>> counted(1, "case"), counted(2_000, "case"), counted(3, "geometry", "geometries")
    ('1 case', '2,000 cases', '3 geometries')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def failed_on(unjudged: Sequence[Unjudged], noun: str = "case") -> str:
    """``3 cases and the audit``: what the engine itself failed on."""
    cases = sum(bool(each.case) for each in unjudged)
    others = dict.fromkeys(each.check for each in unjudged if not each.case)
    return " and ".join([*([counted(cases, noun)] if cases else []), *others])
