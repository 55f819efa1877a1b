"""Where an answer differs, on the smallest case and on one of ordinary size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product

import torch
from torch import Tensor

from conv_reference.quantities import QUANTITIES
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import products, row_of
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.difference import (
    EQUAL,
    NO_NUMBER,
    Axis,
    Difference,
    Sheet,
)
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.judge import full_bits
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

MOST_CELLS = 40  # rows or columns of a sheet
MOST_SHEETS = 6
_MOST_PRODUCTS = 100_000
_LEAST_ELEMENTS = 2  # one says nothing of where
_ENOUGH = 36  # cells, to see a pattern
# A difference of at least so much of the greatest has this level; what is less has 1.
_LEVELS = ((4, 2.0**-2), (3, 2.0**-6), (2, 2.0**-12))


def differences(failure: Failure, alike: Iterable[Failure], bench: Bench) -> tuple[Difference, ...]:
    """Where it differs, on the case that is shown and on the largest that can be drawn.

    Empty where no number of the certificate's is wrong.

    Args:
        failure: on the case that is shown.
        alike: the failures of its kind, as they were met.
        bench: what runs cases again.
    """
    judgement = failure.judgement
    quantity = judgement.quantity_name
    shown = judgement.verdict == Verdict.WRONG and row_of(judgement).is_first
    if not (shown and judgement.index and quantity in QUANTITIES):
        return ()
    cases = [failure.case, *_largest((other.case for other in alike), quantity, bench)]
    answers = bench.ask(difference_on, cases, (bench.settings, quantity))
    found = (answers.get(case) for case in dict.fromkeys(cases))
    return tuple(answer for answer in found if isinstance(answer, Difference))


def _largest(cases: Iterable[Case], quantity: str, bench: Bench) -> list[Case]:
    """The one that shows most, if any: a plain one where that is large enough."""
    small = (case for case in cases if products(case) <= _MOST_PRODUCTS)
    sizes = {case: _drawn(bench.target, case, quantity) for case in small}

    def rank(case: Case) -> tuple[bool, bool, bool, bool, int]:
        steps = case.geometry.stride, case.geometry.dilation
        dense = [{*step} == {1} for step in steps]
        plain = case.layout == Layout.CONTIGUOUS.value
        return sizes[case] >= _ENOUGH, plain, dense[1], dense[0], sizes[case]

    best = max(sizes, key=rank, default=None)
    return [best] if best is not None and sizes[best] else []


def _drawn(target: Target, case: Case, quantity: str) -> int:
    """How many cells there are to draw; 0 where they are too many."""
    shape = target.operator.shape(QUANTITIES[quantity].of, case.geometry)
    if max(shape[-2:]) > MOST_CELLS:
        return 0
    return min(math.prod(shape[:-2]), MOST_SHEETS) * math.prod(shape[-2:])


def difference_on(target: Target, case: Case, argument: tuple[Settings, str]) -> Difference | None:
    """Where the target's answer on a case differs; None where nothing does, or it has no place.

    Args:
        target: the implementation.
        case: of the certificate.
        argument: the run's settings, and Y, dX, dK or db.
    """
    settings, quantity = argument
    trial = settings.trial(target, case)
    with guarded():
        try:
            actual = observe(trial.call()).get(quantity)
        except TargetRaised:
            return None
        wanted = trial.expect(only=(quantity,))[quantity]
        expected = wanted.value
        if not isinstance(actual, Tensor) or actual.shape != expected.shape:
            return None
        if expected.numel() < _LEAST_ELEMENTS or max(expected.shape[-2:]) > MOST_CELLS:
            return None
        value = actual.detach().to("cpu", torch.float64)
        error = (value - expected).abs()
        differing = error != 0  # of a NaN, too
        if not bool(differing.any()):
            return None
        sheets = [*_sheets(quantity, error, differing)]
        return Difference(
            quantity,
            str(case.geometry),
            case.shown_layout,
            tuple(_axes(trial, quantity, differing)),
            int(differing.sum()),
            tuple(sheets[:MOST_SHEETS]),
            max(len(sheets) - MOST_SHEETS, 0),
            _bits(error[differing], wanted.scale()[differing], full_bits(wanted.dtype)),
            full_bits(wanted.dtype),
        )


_NAMES = {
    "Y": ("sample", "channel", "row", "column"),
    "dX": ("sample", "channel", "row", "column"),
    "dK": ("output channel", "input channel", "row", "column"),
    "db": ("channel",),
}


def _axes(trial: Trial, quantity: str, differing: Tensor) -> Iterator[Axis]:
    places = differing.nonzero()
    names = _NAMES[quantity]
    if trial.target.is_line:
        names = tuple(name for name in names if name != "row")
    if not trial.target.has_channels:
        names = tuple(name for name in names if "channel" not in name)
    for dim, (name, size) in enumerate(zip(names, differing.shape, strict=True)):
        yield Axis(name, size, tuple(sorted({*places[:, dim].tolist()})))


def _sheets(quantity: str, error: Tensor, differing: Tensor) -> Iterator[Sheet]:
    """In the order of their places; where they are many, those on which nothing differs last."""
    finite = error[error.isfinite()]
    greatest = float(finite.max()) if len(finite) else 0.0
    places = [*product(*map(range, error.shape[:-2]))]
    if len(places) > MOST_SHEETS:
        places.sort(key=lambda place: not bool(differing[place].any()))
    for place in places:
        plane = error[place].reshape(-1, error.shape[-1])
        label = quantity + (f"[{','.join(map(str, place))}]" if len(places) > 1 else "")
        rows = ("".join(_level(e, greatest) for e in row) for row in plane.tolist())
        yield Sheet(label, tuple(rows))


def _level(error: float, greatest: float) -> str:
    if error == 0:
        return EQUAL
    if not math.isfinite(error):
        return NO_NUMBER
    share = error / greatest
    return str(next((level for level, least in _LEVELS if share >= least), 1))


def _bits(error: Tensor, scale: Tensor, full: int) -> tuple[tuple[int, int], ...]:
    """Whole bits, from 0 to those of the dtype."""
    relative = (error / scale).nan_to_num(nan=1.0, posinf=1.0)  # what should be 0 has none
    bits = (-relative.log2()).clamp(0, full).floor().to(torch.int64)
    values, counts = bits.unique(return_counts=True)
    return tuple(zip(values.tolist(), counts.tolist(), strict=True))
