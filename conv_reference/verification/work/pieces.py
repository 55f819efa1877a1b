"""Items cut into pieces that travel together."""

from __future__ import annotations

from collections.abc import Iterator

from conv_reference.verification.work.child import Piece

PIECE = 64  # items of one


def cut(whole: Piece) -> Iterator[Piece]:
    """Its items in order; neighbours that belong together are not parted.

    Args:
        whole: all items of a run, with their sizes, or without any.
    """
    first, count = 0, len(whole.items)
    while first < count:
        last = min(first + PIECE, count)
        # What all belongs together is parted all the same: nobody else would have any of it.
        while last < min(first + 2 * PIECE, count) and _belongs(whole, last):
            last += 1
        yield whole.part(first, last)
        first = last


def _belongs(whole: Piece, place: int) -> bool:
    """Whether an item belongs to the one before it."""
    if not whole.sizes:
        return False
    before, own = (whole.sizes[n].together for n in (place - 1, place))
    return own is not None and own == before
