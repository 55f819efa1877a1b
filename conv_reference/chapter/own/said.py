"""What verification says of a wrong layer, in the reader's language.

Verification speaks English. The few sentences that the chapter's layer can meet are known here;
one that is not stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Gettext = Callable[[str], str]


def said(explanation: str, _: Gettext = str) -> str:
    r"""An explanation, line by line.

    Args:
        explanation: of a finding.
        _: translates a sentence; English, and so no other, where not given.

    >>> said("dX[0,0]:\n  should be G[0,0]·K[0,0]", lambda _: "{formula}!")
    'dX[0,0]:\nG[0,0]·K[0,0]!'
    """
    return "\n".join(_line(line, _) for line in explanation.splitlines())


def _line(line: str, _: Gettext) -> str:
    for pattern, sentence in _sentences(_):
        found = re.fullmatch(pattern, line)
        if found:
            return sentence.format(**found.groupdict())
    return line


def _sentences(_: Gettext) -> Iterator[tuple[str, str]]:
    yield (
        r"(?P<wrong>[\d,]+) of (?P<all>[\d,]+) elements wrong; "
        r"the first should be (?P<should>.+), is (?P<found>.+)",
        _("{wrong} of {all} elements wrong; the first should be {should}, is {found}"),
    )
    yield (
        r"(?P<element>\S+): takes part in 1 output position",
        _("{element}: takes part in 1 output position"),
    )
    yield (
        r"(?P<element>\S+): takes part in (?P<count>\d+) output positions",
        _("{element}: takes part in {count} output positions"),
    )
    yield r"  should be (?P<formula>.+)", _("  should be {formula}")
    yield r"  is {8}(?P<formula>.+)", _("  is        {formula}")
    yield r"  lacks {5}(?P<formula>.+)", _("  lacks     {formula}")
    yield r"  adds {6}(?P<formula>.+)", _("  adds      {formula}")
    yield (
        r"  over impulses it is just that: the fault shows on other values only",
        _("  over impulses it is just that: the fault shows on other values only"),
    )
    yield (
        r"  \(read out by impulses; on the values above it answers something else again\)",
        _("  (read out by impulses; on the values above it answers something else again)"),
    )
