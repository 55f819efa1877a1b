"""What verification says of a wrong layer, in the reader's language.

Verification speaks English. The sentences that the chapter's layer meets are known here; one that
is not stays as it is, set apart from the direction of what is around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Gettext = Callable[[str], str]
_ALONE = "(?:with a single 1 in each operand it )?"


def said(explanation: str, _: Gettext = str) -> str:
    r"""An explanation, line by line.

    Args:
        explanation: of a finding.
        _: translates a sentence; English, and so no other, where not given.

    >>> said("dX[0,0]:\n  should be G[0,0]·K[0,0]", lambda _: _.replace("should be", "=="))
    'dX[0,0]:\n  == G[0,0]·K[0,0]'
    """
    return "\n".join(_line(line, _sentences(_), _) for line in explanation.splitlines())


def refused(message: str, _: Gettext = str) -> str:
    """Why a layer could not be asked at all, in one line."""
    return _line(message, _refusals(_), _)


def _line(line: str, sentences: Iterator[tuple[str, str]], _: Gettext) -> str:
    for pattern, sentence in sentences:
        found = re.fullmatch(pattern, line)
        if found:
            return sentence.format(**found.groupdict())
    found = re.fullmatch(r"(?P<space>\s*)(?P<sentence>.*)", line)
    return _("{space}{sentence}").format(**found.groupdict()) if found and line.strip() else line


def _sentences(_: Gettext) -> Iterator[tuple[str, str]]:
    yield (
        r"the only element is wrong: it should be (?P<should>.+), is (?P<found>.+)",
        _("the only element is wrong: it should be {should}, is {found}"),
    )
    yield (
        r"1 of (?P<all>[\d,]+) elements is wrong: it should be (?P<should>.+), is (?P<found>.+)",
        _("1 of {all} elements is wrong: it should be {should}, is {found}"),
    )
    yield (
        r"(?P<wrong>[\d,]+) of (?P<all>[\d,]+) elements are wrong; "
        r"the first should be (?P<should>.+), is (?P<found>.+)",
        _("{wrong} of {all} elements are wrong; the first should be {should}, is {found}"),
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
    yield (
        r"  is {8}nan, whatever the operands",
        _("  is        nan, whatever the operands"),
    )
    yield r"  is {8}(?P<formula>.+)", _("  is        {formula}")
    yield r"  lacks {5}(?P<formula>.+)", _("  lacks     {formula}")
    yield r"  adds {6}(?P<formula>.+)", _("  adds      {formula}")
    yield (
        r"  with a single 1 in each operand it is just that: the fault shows on others only",
        _("  with a single 1 in each operand it is just that: the fault shows on others only"),
    )
    yield (
        r"  \(read out with a single 1 in each operand; on the values above it differs again\)",
        _("  (read out with a single 1 in each operand; on the values above it differs again)"),
    )
    yield from _of_another_kind(_)


def _of_another_kind(_: Gettext) -> Iterator[tuple[str, str]]:
    """No numbers to compare: an error, another shape, no gradient."""
    yield (
        rf"{_ALONE}raised (?P<error>.+) \(at (?P<place>[^()]+:\d+)\).*",
        _("raised {error} (at {place})"),
    )
    yield rf"{_ALONE}raised (?P<error>.+)", _("raised {error}")
    yield (
        r"should be of shape (?P<should>\(.*?\)) and (?P<dtype>torch\.\w+), "
        r"is of shape (?P<found>\(.*?\)) and (?P<other>torch\.\w+)",
        _("should be of shape {should} and {dtype}, is of shape {found} and {other}"),
    )
    yield (
        r"should be a tensor of shape (?P<should>\(.*?\)) and (?P<dtype>torch\.\w+), "
        r"is (?P<found>.+)",
        _("should be a tensor of shape {should} and {dtype}, is {found}"),
    )
    yield (
        r"should be a gradient \(asked for: (?P<asked>.+)\), is no gradient",
        _("should be a gradient (asked for: {asked}), is no gradient"),
    )
    yield (
        r"Y does not ask for a gradient where arguments do: no backward pass was to be had\. .+",
        _("Y does not ask for a gradient where arguments do: no backward pass was to be had."),
    )


def _refusals(_: Gettext) -> Iterator[tuple[str, str]]:
    yield (
        r"'(?P<name>.+?)' does not look like .+: the first (?P<count>\d+) cases all raised "
        r"(?P<error>.+) \(at (?P<place>[^()]+:\d+)\);.* it was called (?:with )?"
        r"(?P<called>X .+?);.*",
        _(
            "{name} raised an error in all of {count} calls: {error} (at {place}); it was called "
            "with {called}"
        ),
    )
    yield r"(?P<place>\S+) is no Python: (?P<error>.+)", _("{place} is no Python: {error}")
    yield (
        r"(?P<name>\S+) makes no nn\.Parameter: .+",
        _(
            "{name} makes no nn.Parameter: the kernel must be one, or no gradient is kept for it "
            "and no step moves it"
        ),
    )
    yield (
        r"--check needs to know which layer: (?P<place>\S+) has no class with a forward pass; .+",
        _("{place} has no class with a forward pass; name a layer, as in {place}:ConvLayer_1"),
    )
    yield (
        r"--check needs to know which layer: (?P<place>\S+) has (?P<layers>.+) with a forward "
        r"pass; .+",
        _("{place} has several layers, {layers}; name one, as in {place}:ConvLayer_1"),
    )
