"""One answer judged in place: on the numbers of the step, against what rounding explains."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.combination import Equation
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certificate import Seen
from conv_reference.verification.step.dispatched import Answer, Face, NotJudged
from conv_reference.verification.step.element import Element
from conv_reference.verification.step.places import (
    Place,
    are_finite,
    extent,
    inspect,
    least_told,
    ratios,
    relative,
    worst,
)

# Of a sum over a whole batch a residual may be so many times √n·u of its spread before the tap is
# computed again: measured on float32 layers, at most 0.7 times.
_SUSPECT = 4.0


def judged_in_place(
    answer: Answer,
    equation: Equation,
    seen: Seen,
    *,
    direct: bool,
    allowed_bits: int | None = None,
) -> Element | None:
    """One answer held against what rounding explains; None where it is not wrong.

    A pixel costs little, so the worst one is always computed once more, element by element; a tap
    sums over the whole batch, and is only where its residual is suspect.

    Args:
        answer: what was computed.
        equation: its combination, with its spread.
        seen: of the quantity; it takes the verdict.
        direct: whether the algorithm is known to be direct, so that one element that errs far more
            than all others is not rounding's.
        allowed_bits: the precision that is allowed in place of the dtype's.

    Raises:
        NotJudged: when nothing can be judged, for what goes in or comes out is rightly not finite.
    """
    is_finite = bool(equation.residual.isfinite().all())
    if not is_finite and not are_finite(answer):
        raise NotJudged("an operand that is not finite, as of a loss that overflowed")
    if answer.value.numel() == 0:  # of an empty batch: there is no element that could be wrong
        seen.take(Verdict.ROUNDED, bits=float("inf"), limit=0.0)
        return None
    off = ratios(equation)
    if answer.face not in {Face.OUTPUT, Face.INPUT}:
        allowed = _allowed(answer, allowed_bits)
        if float(off.max()) <= allowed:
            least = least_told(answer, direct=direct, allowed_bits=allowed_bits)
            limit = relative(max(least, allowed * _max(equation.spread)), answer.value)
            seen.take(Verdict.ROUNDED, bits=float("inf"), limit=limit)
            return None
    place = inspect(answer, worst(equation), direct=direct, allowed_bits=allowed_bits)
    if not is_finite and not place.is_outside:
        raise NotJudged("an answer past the dtype's range, which is infinite")
    wrong = None
    if place.is_outside:
        wrong = Element(name_of(answer, place), place, (extent(answer, place),))
    elif place.stands_out:
        others = f": {place.times:,.0f} times the error of the others at its place"
        wrong = Element(name_of(answer, place), place, (others,))
    verdict = Verdict.ROUNDED if wrong is None else Verdict.WRONG
    seen.take(verdict, bits=place.bits, limit=place.limit)
    return wrong


def name_of(answer: Answer, place: Place) -> str:
    """An element of an answer: ``Y[1,0,2,3]``."""
    return f"{answer.name}[{','.join(map(str, place.index))}]"


def _allowed(answer: Answer, allowed_bits: int | None) -> float:
    """How large the residual of a sum over the batch may be, relative to its spread."""
    g, unit = answer.form.geometry, torch.finfo(answer.value.dtype).eps / 2
    if allowed_bits is not None:
        unit = max(unit, 2.0 ** -(allowed_bits + 1))
    outputs = g.batch * g.output_size[0] * g.output_size[1]
    return float(_SUSPECT * unit * max(1, outputs) ** 0.5)


def _max(spread: Tensor | None) -> float:
    return 0.0 if spread is None or not spread.numel() else float(spread.max())
