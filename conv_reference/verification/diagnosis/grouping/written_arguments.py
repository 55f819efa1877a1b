"""What is wrong because an argument is written to before it is multiplied: one fault, with that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conv_reference.verification.diagnosis.explaining.overwritten import written_to
from conv_reference.verification.diagnosis.grouping.follows import CHANGED
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Finding


def filed_under_what_is_overwritten(
    found: Sequence[tuple[Failure, Finding]],
) -> list[tuple[Failure, Finding]]:
    """What is wrong because an argument is written to, and what follows from it, under that.

    Args:
        found: the failures, and the findings that they make.
    """
    of_letter = {
        finding.quantity: finding.fault for _, finding in reversed(found) if _is_change(finding)
    }
    under = {
        finding.fault: of_letter[letter]
        for _, finding in found
        for letter in of_letter
        if finding.cause == f"Perhaps {written_to(letter)}."
    }
    return [
        (failure, replace(finding, fault=under[finding.fault], follows=True))
        if finding.fault in under
        else (failure, finding)
        for failure, finding in found
    ]


def _is_change(finding: Finding) -> bool:
    return finding.check == CHANGED and finding.known is None and not finding.follows
