"""What fails on just the same layouts of one operand: one fault, in whatever quantity it shows.

Who ignores where a tensor begins, or how far apart its elements lie, misreads it in Y and in the
gradients. Each of these findings fails on some layouts of that operand and passes on the others;
which these are distinguishes one mistake from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conv_reference.geometry import Role
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FOUND, Finding

Found = tuple[Failure, Finding]
_MOST_ASKED = 8  # faults
_Alike = tuple[Role, frozenset[Layout]]


def filed_by_layouts(found: Sequence[Found], bench: Bench) -> list[Found]:
    """The findings; those of a fault that fails on the layouts of another are filed under it.

    Args:
        found: the failure on the smallest case, and the finding, in their order.
        bench: with no time left, nothing is run.
    """
    first: dict[int, Failure] = {}
    for failure, finding in found:
        if not (finding.known or finding.follows) and row_of(failure.judgement).is_first:
            first.setdefault(finding.fault, failure)
    roles = {fault: _laid_out(failure) for fault, failure in first.items()}
    asked = [fault for fault, role in roles.items() if role is not None][:_MOST_ASKED]
    if len(asked) < 2:
        return [*found]
    under: dict[int, int] = {}
    met: dict[_Alike, int] = {}
    for fault in asked:
        role = roles[fault]
        assert role is not None  # see above
        failing = _failing(first[fault], role, bench)
        if failing and Layout.CONTIGUOUS not in failing:
            under[fault] = met.setdefault((role, failing), fault)
    return [(f, replace(each, fault=under.get(each.fault, each.fault))) for f, each in found]


def _laid_out(failure: Failure) -> Role | None:
    """The one operand of its smallest case that is not contiguous; None of none, or of several."""
    layouts = failure.case.layouts
    own = [role for role, layout in layouts.items() if layout != Layout.CONTIGUOUS]
    return own[0] if len(own) == 1 and not failure.judgement.setting else None


def _failing(failure: Failure, role: Role, bench: Bench) -> frozenset[Layout]:
    """The layouts of that operand on which the case fails so."""
    row, quantity = failure.judgement.check, failure.judgement.quantity
    cases: dict[Layout, Case] = {layout: failure.case.laid_out({role: layout}) for layout in Layout}
    answers = bench.judged_once(cases.values())
    failing = frozenset(
        layout
        for layout, case in cases.items()
        for judgement in answers.get(case, ())
        if judgement.verdict in FOUND and (judgement.check, judgement.quantity) == (row, quantity)
    )
    # What repeats itself is summed by autograd: a gradient may fail there for that as well.
    return failing - {Layout.EXPANDED} or failing
