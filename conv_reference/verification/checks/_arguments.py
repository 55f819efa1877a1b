"""A target that is given its options as its users write them."""

from __future__ import annotations

from typing import Any

from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.trial import Trial

SETTLED = "its arguments are settled when it is made"


def lacks(option: str, target: Target) -> str | None:
    """Why an option cannot be varied; None where it can."""
    if option in target.options:
        return None
    return SETTLED if target.is_settled else f"no parameter {option}"


def cannot_be_given(target: Target) -> str | None:
    """Why a target cannot be given its options in a call; None where it can."""
    if target.is_line:
        return "its arguments have one axis"
    if target.domain.where:
        return "these would ask for sizes outside of its domain"
    if target.convention:
        return "its options are given by a convention found by trial"
    if target.call_with is None:
        return SETTLED
    return None


def call_with(trial: Trial) -> Any:
    """The target's function of X, K, b and its options, by their names and as they are given."""
    assert trial.target.call_with is not None  # or the check is unsupported
    return trial.target.call_with
