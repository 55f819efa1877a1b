"""The planes of a small case as text: how an element is marked in them, and where the marks are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conv_reference.verification.model.digits import digits

# "[2]" is a marked element; "G[0,1]", the label of a plane, is none.
_MARKED = re.compile(r"(?<![\w)])(\[[^\[\]\n]{1,24}\])")


def cell(number: float, *, marked: bool) -> str:
    """One element of a plane, as wide with a mark as without."""
    return f"[{digits(number)}]" if marked else f" {digits(number)} "


def by_marks(grids: str) -> Iterator[tuple[bool, str]]:
    """The text in parts, each with whether it is a marked element.

    >>> list(by_marks("K[0,1]  [1] 2"))
    [(False, 'K[0,1]  '), (True, '[1]'), (False, ' 2')]
    """
    parts = _MARKED.split(grids)
    return ((place % 2 == 1, part) for place, part in enumerate(parts) if part)
