"""How an image goes on past its border: zeros, or another of torch's padding modes.

On four numbers, padded by two on each side:

    zeros      1234 → 00123400
    circular   1234 → 34123412
    reflect    1234 → 32123432
    replicate  1234 → 11123444

Each is linear in the image, so that a convolution of what was padded is bilinear as before, and
the gradient in the image is the padding's adjoint: each copy's gradient is added to what was
copied. (PyTorch documentation, ``torch.nn.Conv2d`` and ``torch.nn.CircularPad2d`` and its
neighbours.)
"""

from __future__ import annotations

from typing import Literal, get_args

Pair = tuple[int, int]
Mode = Literal["zeros", "circular", "reflect", "replicate"]
MODES: tuple[Mode, ...] = get_args(Mode)


def inside(place: int, size: int, mode: Mode) -> int | None:
    """The place of the image that stands at one before, within or behind it; None for a zero.

    >>> [inside(place, 4, "reflect") for place in range(-2, 6)]
    [2, 1, 0, 1, 2, 3, 2, 1]

    Args:
        place: counted from the image's first; at most ``most_padding`` outside.
        size: of the image.
        mode: how it goes on.
    """
    if 0 <= place < size:
        return place
    match mode:
        case "circular":
            return place % size
        case "reflect":
            return -place if place < 0 else 2 * (size - 1) - place
        case "replicate":
            return 0 if place < 0 else size - 1
    return None


def most_padding(size: int, mode: Mode) -> int | None:
    """How much padding one side may have, as torch has it; None for any."""
    return {"circular": size, "reflect": size - 1}.get(mode)


def least_size(sides: Pair, mode: Mode) -> int:
    """The smallest image that may be padded so."""
    return {"circular": max(1, *sides), "reflect": max(sides) + 1}.get(mode, 1)


def most_copies(size: int, sides: Pair, mode: Mode) -> int:
    """In how many places of what was padded one place of the image may stand, at most."""
    before, after = sides
    if mode == "zeros":
        return 1
    if mode == "replicate":
        return 1 + (before + after if size == 1 else max(sides))
    return 1 + (before > 0) + (after > 0)
