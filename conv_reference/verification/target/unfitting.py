"""Why no convention fits: what a stranger throws on the tiny case, where it came furthest."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.strangers import Stranger
from conv_reference.verification.target.trials import Convention, asked


def furthest(calls: Iterable[tuple[Stranger, Convention]], source: str) -> str:
    """The error from deepest in its code, and there from the last line; empty where there is none.

    Args:
        calls: the stranger, and a convention under which it is called.
        source: the file of its own code.
    """
    thrown = [(own, asked(own, convention).error) for own, convention in calls]
    reached = [(_lines(error, source), error) for _, error in thrown if error is not None]
    lines, error = max(reached, key=lambda pair: (len(pair[0]), pair[0]), default=([], None))
    if error is None or not lines:
        # Of an object of arrays that has no kernel its own code threw nothing.
        of_arrays = (str(e) for own, e in thrown if own.over_arrays and isinstance(e, TargetError))
        return next(of_arrays, "")
    said = message_of(error).strip().partition("\n")[0]
    return f"{type_name(error)}: {said} (at {Path(source).name}:{lines[-1]})"


def _lines(error: BaseException, source: str) -> list[int]:
    """The lines of the file on the way to what was thrown."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno or 0 for frame in frames if frame.filename == source]
