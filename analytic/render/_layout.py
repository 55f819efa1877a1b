"""Layout of plain text: what fits is shown, the middle of what does not is left out."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

from analytic.render._direction import closed

WIDTH = 80
MARGIN = "    "
ROOM = WIDTH - len(MARGIN)
GAP = "    "
#: Printed as a space, but no place to break a line.
NO_BREAK = "\N{NO-BREAK SPACE}"

_MAY_BREAK = "\v"  # for textwrap a space; not printed

Cells = Sequence[Sequence[str]]
_T = TypeVar("_T")


def wrap(text: str, hanging: int = 0) -> list[str]:
    """Break a paragraph into lines, the further ones indented.

    What must not break does so only where it would not fit into a line of its own: a product
    before a factor, a factor where it must.
    """
    hanging = hanging if hanging <= ROOM // 3 else 2 * len(MARGIN)
    room = ROOM - hanging
    lines = textwrap.wrap(
        " ".join(_breakable(word, room) for word in text.split(" ")),
        ROOM,
        subsequent_indent=" " * hanging,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return list(closed(line.replace(_MAY_BREAK, "") for line in lines))


def _breakable(word: str, room: int) -> str:
    if len(word) <= room:
        return word
    factors = re.split(r"(?<=]·)", word)
    return _MAY_BREAK.join(
        factor if len(factor) <= room else factor.replace(NO_BREAK, " ") for factor in factors
    )


def printed_width(text: str) -> int:
    """The number of columns; the marks that turn the direction of writing take none."""
    return len(text) - sum(unicodedata.category(sign) == "Cf" for sign in text)


def shorten(
    items: Sequence[_T], most: int, mark: _T, *, first: int | None = None, last: int = 1
) -> list[_T]:
    """The first and the last items, with a mark for those between where they are too many.

    Example:
        >>> shorten("abcdefg", 4, "…")
        ['a', 'b', '…', 'g']
    """
    if len(items) <= most:
        return list(items)
    return [*items[: most - last - 1 if first is None else first], mark, *items[-last:]]


def shorten_cells(cells: Cells, room: int, most_rows: int = 10) -> list[list[str]]:
    """Leave out columns until the rows fit, and rows above a number."""
    rows = [list(row) for row in shorten(list(cells), most_rows, [], first=3)]
    columns = len(cells[0])
    rows = [row or ["⋮"] * columns for row in rows]
    kept = columns
    while kept > 3 and sum(_widths(rows, kept)) + 2 * kept + 2 > room:
        kept -= 1
    return [shorten(row, kept, "⋯") for row in rows]


def _widths(rows: Cells, kept: int) -> list[int]:
    shown = [shorten(list(row), kept, "⋯") for row in rows]
    return [max(map(len, column)) for column in zip(*shown, strict=True)]


def bracketed(cells: Cells, widths: Sequence[int] | None = None) -> list[str]:
    """Rows of cells between tall brackets."""
    widths = widths or _widths(cells, len(cells[0]))
    lines = ["  ".join(f"{c:^{w}}" for c, w in zip(row, widths, strict=True)) for row in cells]
    if len(lines) == 1:
        return [f"[ {lines[0]} ]"]
    left = ["⎡", *"⎢" * (len(lines) - 2), "⎣"]
    right = ["⎤", *"⎥" * (len(lines) - 2), "⎦"]
    return [f"{a} {line} {z}" for a, line, z in zip(left, lines, right, strict=True)]


def labelled(label: str, lines: Sequence[str]) -> list[str]:
    """A block with its label at half its height."""
    middle = (len(lines) - 1) // 2
    return [(label if i == middle else " " * len(label)) + line for i, line in enumerate(lines)]


def side_by_side(blocks: Sequence[list[str]]) -> list[str]:
    """Blocks next to each other, as many as fit, then the next below."""
    lines: list[str] = []
    row: list[list[str]] = []
    for block in blocks:
        taken = sum(len(other[0]) + len(GAP) for other in row)
        if row and taken + len(block[0]) > ROOM:
            lines += [*_join(row), ""]
            row = []
        row.append(block)
    return lines + _join(row)


def _join(row: Sequence[list[str]]) -> list[str]:
    height = max(map(len, row))
    widths = [len(block[0]) for block in row]
    return [
        GAP.join(
            (block[i] if i < len(block) else "").ljust(width)
            for block, width in zip(row, widths, strict=True)
        ).rstrip()
        for i in range(height)
    ]


def table(row_labels: Sequence[str], column_labels: Sequence[str], cells: Cells) -> list[str]:
    """A matrix with labels, broken into blocks of columns where it is too wide."""
    widths = [
        max(len(label), *(len(row[place]) for row in cells))
        for place, label in enumerate(column_labels)
    ]
    margin = max(map(len, row_labels)) + 1
    lines: list[str] = []
    start = 0
    while start < len(widths):
        end = start + 1
        taken = margin + 4 + widths[start]
        while end < len(widths) and taken + 2 + widths[end] <= ROOM:
            taken += 2 + widths[end]
            end += 1
        part = slice(start, end)
        head = zip(column_labels[part], widths[part], strict=True)
        lines += ["", " " * (margin + 2) + "  ".join(f"{c:^{w}}" for c, w in head).rstrip()]
        body = bracketed([row[part] for row in cells], widths[part])
        lines += [f"{label:<{margin}}{line}" for label, line in zip(row_labels, body, strict=True)]
        start = end
    return lines[1:]
