"""Wrong answers of two kinds for which one cause is guessed: one fault, met in two ways.

One wrong size gives another shape here and wrong numbers there, where the shape comes out right by
chance. Which options mend the one need not mend the other; a known fault that gives every element
of both is behind both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Finding

_Found = tuple[Failure, Finding]


def filed_by_cause(found: Sequence[_Found]) -> list[_Found]:
    """With a Y of wrong numbers filed under one of another shape, if both have one cause.

    Args:
        found: failures as shown, with their findings, in the order of the report.
    """
    first: dict[str, Finding] = {}
    number: dict[int, int] = {}
    for failure, finding in found:
        if _may_be_one(failure, finding):
            one = first.setdefault(finding.cause, finding)
            if one.check != finding.check:
                number[finding.fault] = one.fault
    return [(f, replace(each, fault=number.get(each.fault, each.fault))) for f, each in found]


def _may_be_one(failure: Failure, finding: Finding) -> bool:
    """Whether it is a Y of the certificate, of which a cause is guessed."""
    is_own = row_of(failure.judgement).is_first and not (finding.known or finding.follows)
    return is_own and bool(finding.cause) and failure.judgement.quantity_name == "Y"
