"""Why a case fails, in symbols: what was computed beside what should have been."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from conv_reference.quantities import LETTERS
from conv_reference.verification.diagnosis.explaining.answer_patterns import UNWRITTEN
from conv_reference.verification.diagnosis.explaining.causes import guess, guess_of_kind
from conv_reference.verification.diagnosis.explaining.picture import pictured
from conv_reference.verification.diagnosis.explaining.readout import (
    Index,
    Readout,
    Terms,
    can_read_out,
    factors,
    folded,
    read_out,
    repeated_dims,
)
from conv_reference.verification.diagnosis.explaining.steadiness import CHANGES, unsteady
from conv_reference.verification.diagnosis.explaining.symbolic import (
    can_derive,
    derived_terms,
    participation,
)
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.grids import cell
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.picture import Picture
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.transforms import A_TRANSFORM
from conv_reference.verification.trial.trial import TargetRaised, Trial

MOST_TERMS = 9
_ROUNDINGS = 4  # of the largest coefficient: what is no larger is noise
_MOST_DIGITS = 17  # of a coefficient
MOST_ELEMENTS = 3
MOST_CELLS = 12  # rows or columns of a grid


@dataclass(frozen=True)
class Explanation:
    """What explains one failing case."""

    text: str = ""  # formulas side by side
    cause: str = ""  # a guess
    grids: str = ""
    picture: Picture | None = None  # the numbers of the grids, and of what comes out


def explain_case(
    target: Target, case: Case, argument: tuple[Settings, Judgement, tuple[Case, ...]]
) -> Explanation:
    """Read the target out on a failing case, and compare with the derivation.

    Args:
        target: the implementation.
        case: the smallest that fails.
        argument: the run's settings, the judgement to be explained, and a few other cases
            that fail in the same way, which a guess has to fit.
    """
    settings, judgement, others = argument
    trial = settings.trial(target, case)
    with guarded():
        further = [replace(trial, case=other) for other in others]
        cause = guess_of_kind(trial, judgement.quantity_name) if judgement.of_another_kind else ""
        cause = cause or guess(trial, judgement.quantity_name, further)
        if not judgement.index:
            return Explanation(cause=cause)
        picture, quantity = None, judgement.quantity_name
        try:
            changes = unsteady(trial, quantity)
            if changes is not None and not changes.always_wrong:
                return Explanation(
                    _changing(trial, judgement, changes.said),
                    cause if UNWRITTEN in cause else CHANGES,
                    _grids(trial, quantity, judgement.index),
                )
            indices = _wrong_indices(trial, judgement)
            found = {index: _found(trial, quantity, index) for index in indices}
            formulas = (_formulas(trial, quantity, index, found[index]) for index in indices)
            varies = "" if changes is None else f"  It is {changes.said}."
            text = "\n".join(filter(None, (*formulas, _repetition(trial, quantity), varies)))
            picture = _picture(trial, quantity, judgement.index, found[judgement.index])
        except TargetRaised as raised:
            text = f"with a single 1 in each operand it raised {raised}"
    return Explanation(text, cause, _grids(trial, quantity, judgement.index), picture)


def _changing(trial: Trial, judgement: Judgement, changes: str) -> str:
    """What the element should be, and how its answers change."""
    should = _formulas(trial, judgement.quantity_name, judgement.index, None)
    return f"{should}\n  is        {changes}" if should else f"it is {changes}"


def _found(trial: Trial, quantity: str, own_index: Index) -> Readout | None:
    """What the target computes there, where it can be read out beside what is derived."""
    if not can_derive(trial.case.geometry) or not can_read_out(trial, quantity):
        return None
    return read_out(trial, quantity, own_index)


def _picture(
    trial: Trial, quantity: str, own_index: Index, found: Readout | None
) -> Picture | None:
    if not can_derive(trial.case.geometry):
        return None
    should = _derived(trial, quantity, _full_index(trial, quantity, own_index))
    return pictured(trial, quantity, own_index, should, found)


def _wrong_indices(trial: Trial, judgement: Judgement) -> list[Index]:
    """The element of the judgement, and the next few that are wrong: together they show more."""
    quantity = judgement.quantity_name
    actual = observe(trial.call()).get(quantity)
    expected = trial.expect(only=(quantity,))[quantity].value
    found = [judgement.index]
    if isinstance(actual, torch.Tensor) and actual.shape == expected.shape:
        wrong = (actual.detach().to("cpu", torch.float64) != expected).nonzero().tolist()
        found += [tuple(index) for index in wrong if tuple(index) != judgement.index]
    return found[:MOST_ELEMENTS]


def _formulas(trial: Trial, quantity: str, own_index: Index, found: Readout | None) -> str:
    geometry, index = trial.case.geometry, _full_index(trial, quantity, own_index)
    if not can_derive(geometry):
        return ""
    should = folded(
        _derived(trial, quantity, index),
        trial,
        quantity,
    )
    lines = []
    zeros = geometry.padding_mode == "zeros"
    if quantity == "dX" and trial.target.operator.is_convolution and zeros:
        count = participation(geometry, index)
        outputs = "1 output position" if count == 1 else f"{count} output positions"
        lines.append(f"{quantity}{_text(own_index)}: takes part in {outputs}")
    else:
        lines.append(f"{quantity}{_text(own_index)}:")
    lines.append(f"  should be {_sum(trial, quantity, should)}")
    if found is not None:
        lines += _actual(trial, quantity, should, found)
    return "\n".join(lines)


def _derived(trial: Trial, quantity: str, index: Index) -> Terms:
    bias, operator = trial.case.bias, trial.target.operator
    return derived_terms(trial.case.geometry, quantity, index, bias=bias, operator=operator)


def _actual(trial: Trial, quantity: str, should: Terms, found: Readout) -> Iterator[str]:
    if found.terms == should and not found.offset:
        yield "  with a single 1 in each operand it is just that: the fault shows on others only"
        return
    if any(map(math.isnan, found.terms.values())):
        yield "  is        nan, whatever the operands"
        return
    read = len(found.terms)
    found = replace(found, terms=_without_noise(found.terms, trial.case.dtype))
    yield f"  is        {_offset(trial, found)}{_sum(trial, quantity, found.terms)}"
    missing = {
        key: value - max(found.terms.get(key, 0), 0)
        for key, value in should.items()
        if found.terms.get(key, 0) < value
    }
    extra = {
        key: value - max(should.get(key, 0), 0) if value > 0 else value
        for key, value in found.terms.items()
        if value < 0 or value > should.get(key, 0)
    }
    opposite = found.terms == {key: -value for key, value in should.items()}
    if missing and len(should) > 2 and not opposite:
        yield f"  lacks     {_sum(trial, quantity, missing)}"
    if extra and len(found.terms) > 2 and not opposite:
        yield f"  adds      {_sum(trial, quantity, extra)}"
    if len(found.terms) < read:
        yield f"  (and terms no larger than a rounding, as {A_TRANSFORM} leaves them)"
    if not found.explains:
        yield "  (read out with a single 1 in each operand; on the values above it differs again)"


def _without_noise(terms: Terms, dtype: torch.dtype) -> Terms:
    """Those that are more than a rounding of the largest: a transform leaves others anywhere."""
    largest = max(map(abs, terms.values()), default=0.0)
    least = _ROUNDINGS * torch.finfo(dtype).eps * largest
    return {k: v for k, v in terms.items() if abs(v) > least or not math.isfinite(largest)}


def _offset(trial: Trial, found: Readout) -> str:
    """What stands before the terms: the answer where every operand is 0."""
    return f"{_written(found.offset, trial.case.dtype)} + " if found.offset else ""


def _repetition(trial: Trial, quantity: str) -> str:
    """How the indices of an operand that repeats itself are to be read."""
    letters = [LETTERS[role] for role in factors(quantity) if repeated_dims(trial, role)]
    if not letters or not can_derive(trial.case.geometry):
        return ""
    verb = "is" if len(letters) == 1 else "are"
    return f'{" and ".join(letters)} {verb} expanded: all elements along a ":" are one number'


def _full_index(trial: Trial, quantity: str, index: Index) -> Index:
    """The index with the channels that a target over (N, H, W) does not have."""
    if quantity == "db":
        return index
    if trial.target.is_line:
        return (*index[:2], 0, *index[2:])
    if trial.target.has_channels:
        return index
    return (0, 0, *index) if quantity == "dK" else (index[0], 0, *index[1:])


def _sum(trial: Trial, quantity: str, terms: Terms) -> str:
    if not terms:
        return "0"
    listed = [_term(trial, quantity, key, value) for key, value in sorted(terms.items())]
    if len(listed) > MOST_TERMS:
        listed = [*listed[: MOST_TERMS - 2], f"… ({len(listed)} terms)", listed[-1]]
    return " + ".join(listed).replace("+ -", "- ")


def _term(trial: Trial, quantity: str, key: tuple[Index, Index], value: float) -> str:
    first, second = factors(quantity)
    a, b = key
    if second and not b:
        body = f"b{_text(a)}"
    else:
        both = [(first, a)] + ([(second, b)] if second else [])
        body = "·".join(f"{LETTERS[r]}{_short(trial, r, i)}" for r, i in both)
    if value == 1:
        return body
    return f"-{body}" if value == -1 else f"{_written(value, trial.case.dtype)}·{body}"


def _written(value: float, dtype: torch.dtype) -> str:
    """In six digits, marked where the dtype does not read them as the same number.

    An integer is written in all of its digits; what is nearly one and none, in as many as it takes.
    """
    if value.is_integer() or not math.isfinite(value):
        return digits(value)
    every = (f"{abs(value):.{count}g}" for count in range(6, _MOST_DIGITS + 1))
    text = next((text for text in every if not float(text).is_integer()), repr(abs(value)))
    read = torch.tensor(float(text), dtype=dtype).item()
    return f"{'-' * (value < 0)}{'' if abs(value) in {read, float(text)} else '≈'}{text}"


def _short(trial: Trial, role: str, index: Index) -> str:
    """Without the leading indices where both dimensions have a single place, or are not there.

    A dimension along which the operand repeats one number has no index.
    """
    dims = repeated_dims(trial, role)
    shown = [":" if dim in dims else str(place) for dim, place in enumerate(index)]
    samples, channels = getattr(trial.operands, role).shape[:2]
    if trial.target.is_line and len(shown) == 4:
        del shown[2]
    if max(samples, channels) == 1:
        return _text(shown[2:])
    return _text(shown if trial.target.has_channels else [shown[0], *shown[2:]])


def _text(index: Sequence[object]) -> str:
    return "[" + ",".join(map(str, index)) + "]"


def _grids(trial: Trial, quantity: str, own_index: Index) -> str:
    """The planes of the operands that the element reads, those elements in brackets."""
    geometry = trial.case.geometry
    if not can_derive(geometry):
        return ""
    index = _full_index(trial, quantity, own_index)
    terms = _derived(trial, quantity, index)
    blocks = []
    for place, role in enumerate(factors(quantity)):
        if not role:
            continue
        marked = {key[place] for key in terms if len(key[place]) == 4}
        leading = min((m[:2] for m in marked), default=(0, 0))
        plane = getattr(trial.operands, role)[leading]
        if max(plane.shape) > MOST_CELLS:
            continue
        rows = [
            [cell(value, marked=(*leading, r, c) in marked) for c, value in enumerate(row)]
            for r, row in enumerate(plane.tolist())
        ]
        width = max(len(text) for row in rows for text in row)
        label = (
            f"{LETTERS[role]}{_text(leading)}"
            if sum(size > 1 for size in getattr(trial.operands, role).shape[:2])
            else LETTERS[role]
        )
        body = ["".join(f"{text:>{width}}" for text in row) for row in rows]
        blocks.append([label, *body])
    return _beside(blocks)


def _beside(blocks: list[list[str]]) -> str:
    height = max((len(block) for block in blocks), default=0)
    widths = [max(map(len, block)) for block in blocks]
    return "\n".join(
        "   ".join(
            f"{block[line] if line < len(block) else '':<{width}}"
            for block, width in zip(blocks, widths, strict=True)
        ).rstrip()
        for line in range(height)
    )
