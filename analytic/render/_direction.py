"""Mathematics from left to right beside prose from right to left, each kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Around what stays from left to right; neither is printed.
LEFT_TO_RIGHT, POP = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT ISOLATE}"


def isolated(text: str) -> str:
    """Text that keeps its own direction, whatever stands around it."""
    return f"{LEFT_TO_RIGHT}{text}{POP}"


def word(text: str) -> str:
    """A word from right to left within a formula: a number behind it stays behind it."""
    return f"{_RIGHT_TO_LEFT}{text}{POP}"


def closed(lines: Iterable[str]) -> Iterator[str]:
    """Lines of one paragraph, each isolating its own part of what goes on over several.

    A reader's program knows lines, not paragraphs: an isolate ends where the line does.

    Example:
        >>> [line.count(POP) for line in closed([isolated("a") + LEFT_TO_RIGHT + "b", "c" + POP])]
        [2, 1]
    """
    open_ = 0
    for line in lines:
        begun = LEFT_TO_RIGHT * open_ + line
        opened = begun.count(LEFT_TO_RIGHT) + begun.count(_RIGHT_TO_LEFT)
        open_ = opened - begun.count(POP)
        yield begun + POP * open_
