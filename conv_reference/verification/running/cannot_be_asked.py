"""The rows that a target cannot be put to, and why: no case of theirs is planned."""

from __future__ import annotations

from collections.abc import Sequence

from conv_reference.quantities import GRADIENTS, QUANTITIES
from conv_reference.verification.checks import Check, Row, lacking, unseen
from conv_reference.verification.model.result import FORWARD_ONLY, NOT_HANDED, CheckResult, Verdict
from conv_reference.verification.target.target import Target


def cannot_be_asked(target: Target, checks: Sequence[Check]) -> list[CheckResult]:
    """The rows that the target cannot be put to, with the reason."""
    return [
        CheckResult(
            *(row.name, "-", Verdict.UNSUPPORTED, 0, None, None),
            reason=reason,
            not_asked=not _lacks_a_mode(target, check, row),
        )
        for check in checks
        if check.concerns(target)
        for row in check.rows
        if (reason := _unsupported(target, check, row)) is not None
    ]


def _lacks_a_mode(target: Target, check: Check, row: Row) -> bool:
    """Whether the target has no gradient, or no transform, of those that a row is about."""
    of_gradient = check.gradient or row.quantity in GRADIENTS
    if target.forward_only and (of_gradient or check.transform):
        return True
    if row.quantity in GRADIENTS and QUANTITIES[row.quantity].leaf not in target.gradients:
        return True
    return lacking(target, (*check.needs, *(("vjp",) if of_gradient else ()))) is not None


def _unsupported(target: Target, check: Check, row: Row) -> str | None:
    """Why a row cannot be checked: its check cannot, or it is a gradient's, and there is none."""
    reason = check.unsupported(target) or unseen(target, row)
    if reason is None and row.quantity in GRADIENTS:
        if QUANTITIES[row.quantity].leaf not in target.gradients:
            return NOT_HANDED[row.quantity]
        return FORWARD_ONLY if target.forward_only else lacking(target, ("vjp",))
    return reason
