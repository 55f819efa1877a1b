"""Which failures are likely one fault, where there was no time to try it: by what each says."""

from __future__ import annotations

from collections.abc import Iterable

from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.checks import Reported, certifying
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.empty_batches import may_throw_alike
from conv_reference.verification.diagnosis.grouping.follows import (
    CHANGED,
    disturbs,
    explains,
    lacks_alike,
)
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, row_of, size
from conv_reference.verification.model.judgement import Failure


def likely(
    failures: Iterable[Failure], first: Iterable[Failure], bench: Bench
) -> dict[Failure, Failure]:
    """The certificate's failure of which each would be a consequence, had its case been run.

    That of its own dtype where there is one; a known defect is none, nor what may be one. A number
    that is wrong makes others wrong before an argument does that is changed.
    """
    smallest: dict[Kind, Failure] = {}
    for failure in sorted(first, key=size):
        smallest.setdefault(kind_of(failure), failure)
    among = [each for each in smallest.values() if _is_own(each, bench)]
    found: dict[Failure, Failure] = {}
    for failure in failures:
        if not _is_own(failure, bench):
            continue
        behind = [
            other
            for is_behind in (lacks_alike, explains, disturbs)
            for other in among
            if other.judgement.check != failure.judgement.check
            and is_behind(other.judgement, failure.judgement)
            and _is_of_it(other, failure)
            and may_throw_alike(other, failure)
        ]
        behind.sort(key=lambda other: other.judgement.verdict != failure.judgement.verdict)
        own = [other for other in behind if other.case.dtype == failure.case.dtype]
        for origin in (own or behind)[:1]:
            found[failure] = origin
    return found


def may_be_behind(failure: Failure) -> bool:
    """Whether it is of a row of the certificate of which others may be consequences.

    An argument that its call has changed, or a gradient that it has lost.
    """
    row = row_of(failure.judgement)
    return row in certifying().rows and (row.name == CHANGED or row.reported == Reported.GRAPH)


def _is_of_it(origin: Failure, failure: Failure) -> bool:
    """Whether a gradient that is lost is that which the other is about, if it is about one."""
    if not origin.judgement.lacks_gradient:
        return True
    about = failure.judgement.quantity_name
    return about == origin.judgement.quantity or about not in FIRST_ORDER


def _is_own(failure: Failure, bench: Bench) -> bool:
    """Whether it is neither a known defect nor may be one."""
    return bench.known(failure) is None and not bench.may_be(failure)
