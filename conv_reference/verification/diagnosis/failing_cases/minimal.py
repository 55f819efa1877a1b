"""The smallest case that still shows a failure: the target is run on smaller ones, step by step."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.reduce import smallest_failing
from conv_reference.verification.diagnosis.kinds import (
    Condition,
    fails_as,
    has_own_sizes,
    kind_of,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure


def minimal(
    failure: Failure, bench: Bench, *, elsewhere: Case | None, is_own: Condition
) -> Failure:
    """The failure on the smallest case: perhaps on that of another dtype.

    Args:
        failure: as it was met.
        bench: what runs cases again.
        elsewhere: the smallest case of the same failure in another dtype.
        is_own: whether a failure of the same kind is a fault of its own, on a smaller case, too.
    """
    if has_own_sizes(failure):
        return failure  # its own geometry has no part in it
    shown = [failure]

    def fails(case: Case) -> bool:
        again = _again(shown[0], case, bench, is_own)
        if again is not None:
            shown[0] = again
        return again is not None

    if elsewhere is not None and fails(replace(elsewhere, dtype=failure.case.dtype)):
        return shown[0]
    if fails(failure.case):  # else not repeatable: the first sight of it is all there is to show
        smallest_failing(failure.case, failure.judgement.quantity_name, fails)
    return shown[0]


def _again(wanted: Failure, case: Case, bench: Bench, is_own: Condition) -> Failure | None:
    """The same failure on another case, if it fails there too.

    And shows as much: a gradient that is missing where it should be zero says less than another.
    """
    kind = kind_of(wanted).in_any_dtype
    for failure in bench.failures_on([case]).get(case, ()):
        alike = fails_as(failure.judgement, wanted.judgement)
        if alike and kind_of(failure).in_any_dtype == kind:
            says_less = failure.judgement.of_zeros and not wanted.judgement.of_zeros
            same = not says_less and bench.known(failure) is None and is_own(failure)
            return failure if same else None
    return None
