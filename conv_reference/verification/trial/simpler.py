"""A trial with simpler layouts, for checks whose variations need them."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.trial.trial import Trial


def contiguous(trial: Trial) -> Case:
    """The case with every operand contiguous: an expanded one cannot hold other values."""
    return replace(
        trial.case,
        input_layout=Layout.CONTIGUOUS,
        weight_layout=Layout.CONTIGUOUS,
        grad_output_layout=Layout.CONTIGUOUS,
    )


def writable(trial: Trial) -> Trial:
    """The trial without expanded operands, whose elements cannot be written one by one."""
    case = trial.case
    changed = replace(
        case,
        input_layout=_written(case.input_layout),
        weight_layout=_written(case.weight_layout),
        grad_output_layout=_written(case.grad_output_layout),
    )
    return replace(trial, case=changed)


def _written(layout: Layout) -> Layout:
    return Layout.CONTIGUOUS if layout == Layout.EXPANDED else layout
