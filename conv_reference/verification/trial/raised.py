"""What a target threw, as a judgement: what it says, and where in the target it came from."""

from __future__ import annotations

import re
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from conv_reference.operands import Operands
from conv_reference.verification.frameworks.mistakes import (
    INSTALLED,
    is_mistake,
    line_in_framework,
)
from conv_reference.verification.model.judgement import Judgement, Quantity, Thrown
from conv_reference.verification.model.printable import MOST_SHOWN
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import kind_of, message_of
from conv_reference.verification.target.refusals import is_unsupported
from conv_reference.verification.trial.agreement import not_judged
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.refused import fails_by_word, is_refusal
from conv_reference.verification.trial.trial import LeftEnteredError, TargetRaised, Trial

_OURS = Path(__file__).parents[2]
_PLANTED = Path(__file__).parents[1] / "faults"  # targets, that only lie beside the engine


def judged_raised(
    row: str,
    raised: TargetRaised,
    trial: Trial,
    *,
    transform: bool = False,
    may_refuse: bool = True,
) -> Judgement:
    """Raised, or unsupported where it is a refusal, or says that there is no such mode.

    Args:
        row: of the report.
        raised: what was thrown.
        trial: the question.
        transform: whether it was called through a transform of torch's, or a compiler: what only
            raises there is silently wrong nowhere, and so not judged there. An adapter of a
            framework gives the transform itself, and says what it lacks.
        may_refuse: whether a refusal is one; not of what is taken in another form.
    """
    if isinstance(raised.error, LeftEnteredError):
        said = f"{raised.error}"
        return whole(row, raised.quantity, "nothing left entered", "torch works otherwise", said)
    transform = transform and not is_mistake(raised.error)
    thrown = thrown_of(raised)
    message = thrown.said
    refusal = (may_refuse and is_refusal(trial, raised)) or (
        is_unsupported(raised.error, own=bool(thrown.place)) and not fails_by_word(trial, raised)
    )
    unsupported = refusal or transform
    where = _where(raised.error, thrown.place)
    when = f"{raised.under}: " if raised.under else ""
    return Judgement(
        check=row,
        quantity=raised.quantity,
        mapped=raised.mapped,
        verdict=Verdict.UNSUPPORTED if unsupported else Verdict.RAISED,
        expected="an answer",
        actual=message if refusal or not transform else f"raises {message}{where}",
        explanation=f"{when}{thrown.told}{where}{'' if unsupported else _hint(trial, raised)}",
        thrown=replace(thrown, refusal=refusal),
        over=tuple(_mapped_alike(raised, thrown)),
    )


def _mapped_alike(raised: TargetRaised, thrown: Thrown) -> Iterator[Quantity]:
    """What was mapped over in each question of the case that raised the same."""
    for each in (raised, *raised.others):
        if each.mapped is not None and thrown_of(each).alike == thrown.alike:
            yield each.mapped.alike


def raised_in_mode(
    row: str, trial: Trial, raised: TargetRaised, said: str, operands: Operands | None = None
) -> Judgement:
    """That nothing is claimed of a mode that nobody promised, for there it raises.

    Where a plain call raises the same, the mode has no part in it, and is not spoken of. What an
    adapter of a framework raises and does not declare is raised in any mode.

    Args:
        row: of the report.
        trial: the question.
        raised: in that mode.
        said: why nothing is claimed of the mode: "under autocast the call raises ...".
        operands: that it was called with, in place of the trial's own.
    """
    if is_mistake(raised.error):
        return judged_raised(row, raised, trial)
    thrown = thrown_of(raised)
    alike = thrown.alike == _raised_plainly(trial, operands)
    return not_judged(row, thrown.said if alike else said, thrown)


def _raised_plainly(trial: Trial, operands: Operands | None) -> Thrown | None:
    """What a plain call, forward and backward, raises."""
    try:
        observe(trial.call(operands, requires_grad=trial.case.arguments))
    except TargetRaised as raised:
        return thrown_of(raised).alike
    return None


def thrown_of(raised: TargetRaised) -> Thrown:
    """What was thrown and where, by which the same is known again elsewhere."""
    kind = kind_of(raised.error)
    said = f"{kind}: {message_of(raised.error)}"
    message = textwrap.shorten(said, MOST_SHOWN, placeholder=" …")
    return Thrown(kind, message.removeprefix(f"{kind}:").lstrip(), _place(raised.error))


def _hint(trial: Trial, raised: TargetRaised) -> str:
    """What would let a refusal pass; and what torch asks of a backward pass."""
    if is_mistake(raised.error):
        return "; where it is meant as a refusal, NotImplementedError or a pair in refusals says so"
    message = thrown_of(raised).said
    position = re.search(r"gradient different than None at position (\d+)", message)
    if position:
        which = f"argument {position[1]} of forward asks for no gradient there"
        return f"; {which}, as a bias that is None: backward is to return None for it"
    lenient = replace(trial, strict=False)
    if trial.strict and (fails_by_word(trial, raised) or is_refusal(lenient, raised)):
        return "; without --strict that is a refusal"
    return ""


def _where(error: BaseException, place: str) -> str:
    """The adapter's own line, which calls the framework's, and the framework's, which threw."""
    inner = line_in_framework(error) if is_mistake(error) else ""
    lines = [f"at {place}"] * bool(place) + [f"in {inner}"] * bool(inner)
    return f" ({', '.join(lines)})" if lines else ""


def _place(error: BaseException) -> str:
    """The last line of the target's own code, ``my_conv.py:12``; empty where there is none."""
    frames = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)]
    for filename, line in reversed(frames):
        path = Path(filename)
        ours = path.is_relative_to(_OURS) and not path.is_relative_to(_PLANTED)
        if not ours and path.is_file() and not INSTALLED & {*path.parts}:
            return f"{path.name}:{line}"
    return ""
