"""Kinds of failures: those of one kind are reported as one, in the order of their ranks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from conv_reference.verification.checks import Reported, Row, Sample, all_checks, all_rows
from conv_reference.verification.model import sizes
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Failure, Judgement, Thrown
from conv_reference.verification.model.result import Verdict

_MOST_PRODUCTS = 100_000  # of a case that is run again many times
_SLIGHT = 2.0**-6  # relative to what it should be
Condition = Callable[[Failure], bool]  # whether a failure is a fault of its own


Place = tuple[str, str]  # a row and a dtype: a cell of the report's table


@dataclass(frozen=True)
class Kind:
    """What failures have in common that are reported as one.

    What raises is distinguished by what is thrown and where: which row and which quantity it is
    blamed on depends on what the case asks for.
    """

    row: str  # empty where something is thrown
    quantity: str  # the same
    verdict: Verdict
    thrown: Thrown | None
    dtype: str
    known: str = ""  # the known defect, or empty
    perhaps: str = ""  # the known defect that it may be: that was not asked, for want of time

    @property
    def in_any_dtype(self) -> Kind:
        """The kind of the same failures in whatever dtype: mostly one fault."""
        return replace(self, dtype="")


def kind_of(failure: Failure, known: str = "", perhaps: str = "") -> Kind:
    """The kind of a failure.

    Args:
        failure: the failure.
        known: the name of the known defect that it is, or empty.
        perhaps: likewise, of that which it may be.
    """
    judgement = failure.judgement
    thrown = thrown_alike(failure)
    return Kind(
        "" if thrown else judgement.check,
        "" if thrown else judgement.quantity_alike,
        judgement.verdict,
        thrown,
        dtype_name(failure.case.dtype),
        known,
        perhaps,
    )


def place_of(failure: Failure) -> Place:
    """Where it stands in the report's table."""
    return failure.judgement.check, dtype_name(failure.case.dtype)


def thrown_alike(failure: Failure) -> Thrown | None:
    """What is the same for all that one mistake throws; None where nothing is thrown.

    A line that raises has many messages, but for what it says of an empty batch: what raises for
    want of numbers is no mistake of sizes, though one line may make both.
    """
    thrown = failure.judgement.thrown
    if thrown is None:
        return None
    return thrown.alike_in_words if failure.case.geometry.batch == 0 else thrown.alike


def manner(judgement: Judgement) -> tuple[tuple[str, ...], bool, bool]:
    """In which way it fails: whoever gives another shape may as well lose a gradient elsewhere."""
    return judgement.unlike, judgement.lacks_gradient, judgement.of_numbers


def fails_as(judgement: Judgement, wanted: Judgement) -> bool:
    """Whether it fails in the way that is wanted: a finding about a number is shown by a number.

    What is NaN may be a number elsewhere, as in memory that was never written.
    """
    same = manner(judgement) == manner(wanted)
    return same and (_is_nan(wanted) or not _is_nan(judgement))


def _is_nan(judgement: Judgement) -> bool:
    """Whether what is shown of it is NaN, and should be a number."""
    should, found = _shown(judgement)
    return math.isnan(found) and math.isfinite(should)


def row_of(judgement: Judgement) -> Row:
    """The row that a judgement belongs to."""
    return all_rows()[judgement.check]


def has_own_sizes(failure: Failure) -> bool:
    """Whether the process died in a check that generates its own geometries."""
    check = all_checks()[failure.case.check]
    drawn = check.sample == Sample.OWN and not check.has_own
    return failure.judgement.verdict == Verdict.CRASHED and drawn


def rank(failure: Failure) -> int:
    """The order in which failures are reported: see ``Reported``."""
    row = row_of(failure.judgement)
    return 0 if row.is_first else 2 if row.reported == Reported.LAST else 1


def size(failure: Failure) -> tuple[bool, int, int]:
    """Small and plain cases first: they are reduced sooner."""
    g = failure.case.geometry
    little = g.batch == 0 or failure.judgement.of_zeros  # it shows little: last
    work = products(failure.case) * 4 + g.input_size[0] * g.input_size[1]
    return little, work, len(failure.case.layout)


def few_of(failures: Iterable[Failure]) -> list[Failure]:
    """The smallest, one of middle size and the largest that is run again in a moment.

    A kind may have several faults: what holds of all of them holds of small and of large cases.
    """
    by_size = sorted(failures, key=size)
    held = [f for f in by_size if products(f.case) <= _MOST_PRODUCTS] or by_size[:1]
    return [held[place] for place in sorted({0, len(held) // 2, len(held) - 1})]


def products(case: Case) -> int:
    """How many products one forward pass has."""
    return sizes.products(case.geometry)


def is_near(judgement: Judgement) -> bool:
    """Whether the number that is shown is nearly right."""
    should, found = _shown(judgement)
    return 0 < abs(should - found) <= _SLIGHT * abs(should)


def is_of_few_bits(judgement: Judgement) -> bool:
    """Whether the number that is shown may lack bits or range: near, or past what is finite, or 0.

    What float32 does not hold of a float64 is one of these.
    """
    should, found = _shown(judgement)
    outside = not math.isfinite(found) or (found == 0 and should != 0)
    return (math.isfinite(should) and outside) or is_near(judgement)


def _shown(judgement: Judgement) -> tuple[float, float]:
    """What is shown of it, should be and is; NaN and 0 where those are no numbers."""
    try:
        return float(judgement.expected), float(judgement.actual)
    except ValueError:
        return math.nan, 0.0
