"""Why no convention fits: what a stranger throws on the tiny case, where it came furthest."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.layer_calls import NO_PARAMETER, NOT_ONE_KERNEL
from conv_reference.verification.target.strangers.attempt import Convention, asked
from conv_reference.verification.target.strangers.stranger import Stranger


def furthest(calls: Iterable[tuple[Stranger, Convention]], source: str) -> str:
    """The error from deepest in its code, and there from the last line; empty where there is none.

    Of a class that was made, but has no kernel, that is reported, not what its constructor threw
    when it was given something else.

    Args:
        calls: the stranger, and a convention under which it is called.
        source: the file of its own code.
    """
    thrown = [(own, asked(own, convention).error) for own, convention in calls]
    reached = [(_frames(error, source), error) for _, error in thrown if error is not None]
    frames, error = max(reached, key=lambda pair: _depth(pair[0]), default=([], None))
    ours = (str(e) for own, e in thrown if _is_told(own, e))
    made = next(ours, "") if all(frame.name == "__init__" for frame in frames) else ""
    if made or error is None or not frames:
        return made
    said = message_of(error).strip().partition("\n")[0]
    what = ": ".join(filter(None, (type_name(error), said)))
    return f"{what} (at {Path(source).name}:{frames[-1].lineno})"


def _is_told(own: Stranger, error: BaseException | None) -> bool:
    """Whether its own code threw nothing: an object of arrays, or a layer, without one kernel."""
    if not isinstance(error, TargetError):
        return False
    return own.over_arrays or str(error).startswith((NO_PARAMETER, NOT_ONE_KERNEL))


def _depth(frames: list[traceback.FrameSummary]) -> tuple[int, list[int]]:
    return len(frames), [frame.lineno or 0 for frame in frames]


def _frames(error: BaseException, source: str) -> list[traceback.FrameSummary]:
    """The lines of the file on the way to what was thrown."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename == source]
