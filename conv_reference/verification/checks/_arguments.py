"""A target that is given its options as its users write them."""

from __future__ import annotations

from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import observed
from conv_reference.verification.trial.trial import TargetRaised, Trial

SETTLED = "its arguments are settled when it is made"


def lacks(option: str, target: Target) -> str | None:
    """Why an option cannot be varied; None where it can."""
    if option in target.options:
        return None
    return SETTLED if target.is_settled else f"no parameter {option}"


def cannot_be_given(target: Target) -> str | None:
    """Why a target cannot be given its options in a call; None where it can, within its domain."""
    if target.is_line:
        return "its arguments have one axis"
    if target.call_with is None:
        return (
            "its options are given by a convention found by trial" if target.convention else SETTLED
        )
    return None


def answered_before(row: str, said: str, raised: TargetRaised) -> Judgement:
    """That a spelling which nobody promised is answered, but has no gradient: so noted, not judged.

    Args:
        row: of the report.
        said: the spelling, "with options given as integers".
        raised: by the backward pass.
    """
    return observed(row, raised.quantity, f"{said} Y is answered, but its backward pass raises")


def call_with(trial: Trial) -> Any:
    """The target's function of X, K, b and its options, by their names and as they are given."""
    assert trial.target.call_with is not None  # or the check is unsupported
    return trial.target.call_with


def can_be_put(trial: Trial, geometry: Geometry) -> bool:
    """Whether it lies in the target's domain, and there are integers for which it is exact."""
    inside = geometry in trial.target.domain
    return inside and trial.target.can_be_exact(geometry, trial.case.dtype)
