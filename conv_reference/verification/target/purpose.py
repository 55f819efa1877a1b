"""Whether an exception is meant: a ``raise``, ``assert`` or ``exit`` of the target's own."""

from __future__ import annotations

import dis
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import torch

from conv_reference.verification.target.answers import message_of

_INSTALLED = "site-packages"
_OURS = Path(__file__).parents[2]
_NOT_THE_TARGETS = (
    Path(torch.__file__).parent,
    Path(sysconfig.get_path("stdlib")),
    _OURS,
)
# What a limit is of, and the words in which code declares one. That sizes disagree is none of them:
# a fault may be why they do.
_GIVEN = (
    r"(d_?types?|data types?|tuples?|integers?|strides?|paddings?|pad|dilations?|groups?|kernels?|"
    r"filters?|images?|inputs?|batch(es)?|channels?|height|width|modes?|devices?|options?|bias)"
)
_DECLARES = re.compile(
    r"\bun-?supported\b|\bunimplemented\b"
    r"|\b(not|nor|never|only) (\w+ ){0,3}(supported|implemented|allowed|available)\b"
    r"|\b(does|do|is|are|can)( not|n't) (\w+ )?(support|implement|handle)\b"
    r"|\b(supports?|implements|handles|takes|works) (\w+ ){0,3}only\b"
    r"|\bonly (\w+ )?(supports?|implements|handles|takes|works)\b"
    r"|\b(cannot|no support) (\w+ )?(handle|for)\b"
    rf"|\b(unknown|invalid|unrecogni[sz]ed|illegal|bad) {_GIVEN}\b"
    rf"|\bonly\b.*\b{_GIVEN}\b"
    rf"|\b{_GIVEN}\b.{{0,40}}\b(must|should|ha(s|ve) to|needs? to) be "
    r"(odd|even|square|positive|one|two|zero|none|\d)",
    re.IGNORECASE,
)


def is_on_purpose(error: BaseException) -> bool:
    """Whether a statement of the target's own is where it comes from.

    What an installed library throws at somebody's file is not that file's: it is numpy, say, that
    was given arrays which do not fit. That something is not implemented is a refusal there, too.
    """
    steps = [*_steps(error.__traceback__)]
    places = [Path(step.tb_frame.f_code.co_filename) for step in steps]
    own = [place for place in places if _is_the_targets(place)]
    if not own:
        return False
    ends = isinstance(error, SystemExit)  # its `raise` is Python's own
    if not ends and (not _is_raise(steps[-1]) or places[-1] != own[-1]):
        return False
    is_a_librarys = _INSTALLED in own[-1].parts and _INSTALLED not in own[0].parts
    return not is_a_librarys or isinstance(error, NotImplementedError)


def declares_a_limit(error: BaseException) -> bool:
    """Whether its words declare what the code does not do, wherever in its work it says so.

    >>> declares_a_limit(ValueError("unsupported stride")), declares_a_limit(ValueError("shapes"))
    (True, False)
    """
    return _DECLARES.search(message_of(error)) is not None


def place_of(error: BaseException) -> str:
    """The file and the line where it was raised; empty of what has no traceback."""
    steps = [*_steps(error.__traceback__)]
    return f"{steps[-1].tb_frame.f_code.co_filename}:{steps[-1].tb_lineno}" if steps else ""


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """From the outermost call to the innermost."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_raise(traceback: TracebackType) -> bool:
    code = traceback.tb_frame.f_code.co_code
    return 0 <= traceback.tb_lasti < len(code) and (
        dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"
    )


def _is_the_targets(path: Path) -> bool:
    installed = path.parts.count(_INSTALLED)
    return not any(
        path.is_relative_to(place) and installed == place.parts.count(_INSTALLED)
        for place in _NOT_THE_TARGETS
    )
