"""What was observed, each answer with the dtypes that it was met in."""

from __future__ import annotations

import torch

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.tally import Tally
from conv_reference.verification.model.case import Case
from conv_reference.verification.trial.agreement import observed


def test_answers_of_several_clauses_are_set_apart_from_one_another() -> None:
    """It read "and stop growing: 4,096, an error of 33 % in float16, and rounded on their way"."""
    given = Tally([all_checks()["certificate"]], (torch.float64, torch.float32))
    for dtype, size in (("float32", 2), ("float64", 30)):
        what = f"rounded, with an error of {size} %"
        case = Case.parse(f"certificate {dtype} h1 w1 k1")
        given.add(case, [observed("forward", "Y", what, of="sums are")])
    assert [str(note) for note in given.notes] == [
        "sums are rounded, with an error of 2 % in float32; "
        "rounded, with an error of 30 % in float64"
    ]
