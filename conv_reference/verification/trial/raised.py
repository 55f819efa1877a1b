"""What a target threw, as a judgement: what it says, and where in the target it came from."""

from __future__ import annotations

import re
import textwrap
import traceback
from pathlib import Path

from conv_reference.verification.model.judgement import Judgement, Thrown
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.refusals import is_unsupported
from conv_reference.verification.trial.trial import TargetRaised

_MOST_SAID = 300  # characters of an exception's text
_OURS = Path(__file__).parents[2]
_INSTALLED = {"site-packages", "dist-packages"}


def judged_raised(row: str, raised: TargetRaised) -> Judgement:
    """Raised, or unsupported where the exception says that there is no such mode.

    Args:
        row: of the report.
        raised: what was thrown.
    """
    kind = type(raised.error).__name__
    message = textwrap.shorten(f"{kind}: {raised.error}", _MOST_SAID, placeholder=" …")
    place = _place(raised.error)
    unsupported = is_unsupported(raised.error, own=bool(place))
    where = f" (at {place})" if place else ""
    return Judgement(
        check=row,
        quantity=raised.quantity,
        mapped=raised.mapped,
        verdict=Verdict.UNSUPPORTED if unsupported else Verdict.RAISED,
        expected="an answer",
        actual=message,
        explanation=f"raised {message}{where}{'' if unsupported else _hint(message)}",
        thrown=Thrown(kind, message.removeprefix(f"{kind}: "), place),
    )


def _hint(message: str) -> str:
    """How to refuse, to who seems to have meant to."""
    if re.search(
        r"(not |un|only .*)supported|does not support|not allowed", message, re.IGNORECASE
    ):
        return "; where it is meant as a refusal, NotImplementedError says so"
    return ""


def _place(error: BaseException) -> str:
    """The last line of the target's own code, ``my_conv.py:12``; empty where there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        ours = path.is_relative_to(_OURS)
        if not ours and path.is_file() and not _INSTALLED & {*path.parts}:
            return f"{path.name}:{frame.lineno}"
    return ""
