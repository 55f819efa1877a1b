"""What comes from a target, made harmless before any format's own escaping."""

from __future__ import annotations

import re

# Control characters move a terminal's cursor, direction marks reorder what is read, lone
# surrogates cannot be encoded, and XML has no place for the first and the last two.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
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
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
