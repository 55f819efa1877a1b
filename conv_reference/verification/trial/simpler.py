"""A trial with simpler layouts, for checks whose variations need them."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.trial.trial import Trial


def contiguous(trial: Trial) -> Case:
    """The case with every operand contiguous: an expanded one cannot hold other values."""
    return trial.case.contiguous()


def writable(trial: Trial) -> Trial:
    """The trial without expanded operands, whose elements cannot be written one by one."""
    return replace(trial, case=trial.case.without(Layout.EXPANDED))
