"""What comes from a target, made harmless before any format's own escaping."""

from __future__ import annotations

import re
import sys

# Control characters move a terminal's cursor, direction marks reorder what is read, lone
# surrogates cannot be encoded, and XML and HTML have no place for the first and for what Unicode
# calls no characters: the last two of each plane, and some more.
_NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(last - 1)}{chr(last)}" for last in range(0xFFFF, sys.maxunicode + 1, 0x10000)
)
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
    f"{_NO_CHARACTERS}]"
)

MOST_SHOWN = 300  # characters of an error, or of a process's last line, where they stand in a line


def printable(text: str) -> str:
    r"""The text with each harmful character written as its escape; newline and tab stay.

    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    return _HARMFUL.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The printable text with every run of white space as one space."""
    return " ".join(printable(text).split())


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
