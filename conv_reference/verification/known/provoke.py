"""Known defects in a plan: each is provoked by the cases that show it, and crashes by no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from conv_reference.operands import can_be_exact
from conv_reference.verification.checks import all_checks
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.plan.possible import is_possible
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.target import Target


@dataclass(frozen=True)
class Provoked:
    """A plan's cases with known defects in mind."""

    cases: tuple[Case, ...]
    spared: tuple[tuple[Defect, Case], ...] = ()  # what is left out, with the defect that crashes


def provoke(
    cases: Sequence[Case],
    defects: Sequence[Defect],
    target: Target,
    wanted: Request,
    *,
    isolated: bool,
) -> Provoked:
    """Put the cases that show known defects first; leave out others that would crash.

    A crash costs a new process, so one that is known is met once and no more, at the end, when
    none is needed; and not at all where the process is the caller's own.

    Args:
        cases: of the plan.
        defects: those that apply to the target, here.
        target: that the cases are put to.
        wanted: of which only the dtypes and checks that it names are tried.
        isolated: whether the target runs in child processes.
    """
    first = [c for d in defects if not d.crashes for c in _shown(d, target, wanted)]
    last = [c for d in defects if d.crashes and isolated for c in _shown(d, target, wanted)]
    shown = {*first, *last}
    crashing = [defect for defect in defects if defect.crashes]
    spared, kept = [], []
    for case in dict.fromkeys((*first, *(case for case in cases if case not in shown), *last)):
        defect = None if case in shown else first_concerned(crashing, case)
        if defect is None:
            kept.append(case)
        else:
            spared.append((defect, case))
    return Provoked(tuple(kept), tuple(spared))


def first_concerned(defects: Sequence[Defect], case: Case) -> Defect | None:
    """The first of the defects that concerns a case, or a wider one of its check, if any."""
    return next((d for d in defects if d.concerns(case) or _concerns_wider(d, case)), None)


def _concerns_wider(defect: Defect, case: Case) -> bool:
    """Whether it concerns what the case's check may call: some more columns, or many."""
    check = all_checks().get(case.check)
    if check is None or not check.wider or not defect.harmless_at:
        return False
    height, width = case.geometry.input_size
    more = (*range(1, min(check.wider, _STRIDES) + 1), check.wider)
    sizes = (replace(case.geometry, input_size=(height, width + columns)) for columns in more)
    return any(defect.concerns(replace(case, geometry=geometry)) for geometry in sizes)


_STRIDES = 24  # columns, of which one leaves each remainder that a predicate may ask for


def stale(
    cases: Sequence[Case], known: Sequence[Failure], defects: Sequence[Defect]
) -> tuple[str, ...]:
    """The defects that cases of this run should have shown, and did not.

    Args:
        cases: that were judged.
        known: failures that are known defects, and those that may be.
        defects: those that apply to the target, here.
    """
    judged = set(cases)
    return tuple(
        defect.name
        for defect in defects
        if defect.shows
        and all(Case.parse(text) in judged for text in defect.shows)
        and not any(defect.matches(f.case, f.judgement) for f in known)
    )


def _shown(defect: Defect, target: Target, wanted: Request) -> list[Case]:
    """The cases that show a defect, in a dtype of the run: where none is, they are put into one."""
    asked = [case for case in map(Case.parse, defect.shows) if _is_asked(case.check, wanted)]
    own = [case for case in asked if case.dtype in wanted.dtypes]
    return [case for case in own or _retyped(defect, asked, wanted) if is_possible(target, case)]


def _is_asked(name: str, wanted: Request) -> bool:
    check, rows = all_checks().get(name), set(wanted.checks)
    return check is not None and (
        not rows or check.name in rows or not rows.isdisjoint(row.name for row in check.rows)
    )


def _retyped(defect: Defect, cases: Sequence[Case], wanted: Request) -> list[Case]:
    """The cases in the first of the run's dtypes that has the defect and holds their sums."""
    for dtype in wanted.dtypes:
        others = [replace(case, dtype=dtype) for case in cases]
        found = [case for case in others if defect.concerns(case) and _has_values(case)]
        if found:
            return found
    return []


def _has_values(case: Case) -> bool:
    return case.values == Values.SPARSE or can_be_exact(case.geometry, case.dtype)
