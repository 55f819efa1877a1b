"""Which integers of a source may be thresholds: sizes from which on another path is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SMALLEST, _LARGEST = 2, 2**16  # what is a size, and not everywhere anyway
_MOST = 16  # constants; of more, the smallest, which are the likeliest sizes
# As in C++, CUDA, Triton or Rust: decimal or hexadecimal, perhaps with a suffix; no part of a name
# or of a number with a point.
_INTEGER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|[0-9]+)(?:[uUlLzZ]{1,3})?(?![\w.])")


def likely(numbers: Iterable[int]) -> tuple[int, ...]:
    """Those that may be sizes, each once, from small to large."""
    return tuple(sorted({n for n in numbers if _SMALLEST <= n <= _LARGEST})[:_MOST])


def integers_in(text: str) -> tuple[int, ...]:
    """The likely ones in a source of any language.

    >>> integers_in("if (c_in == 44u && w > 0x21) return 1.5f * tile[7];  // block32")
    (7, 33, 44)

    Args:
        text: of the whole file; what stands in a comment counts, too, and does no harm.
    """
    found = _INTEGER.findall(text)
    return likely(int(each, 16 if each[:2] in {"0x", "0X"} else 10) for each in found)
