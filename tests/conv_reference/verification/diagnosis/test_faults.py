"""Which failures are one fault: a wrong gradient of the target's own Y, on whichever case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.faults import faults_of
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.diagnosis.origins import Group
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

CASES = [Case.parse(f"certificate float32 h1 w{width} k1x2") for width in (2, 3, 4)]


class Answering:
    """In place of a bench: whether dX is the gradient of the target's own Y, case by case."""

    settings = None
    target = as_target(conv2d)

    def __init__(self, own: Sequence[bool]) -> None:
        self.own = own

    def recast(self, case: Case, _: str) -> Case:
        return case

    def ask(self, _: Any, items: Iterable[Case], __: Any) -> dict[Case, frozenset[str]]:
        return {
            case: frozenset({"dX"} if own else ())
            for case, own in zip(items, self.own, strict=True)
        }


@pytest.mark.parametrize(
    ("own", "follows"),
    [
        ([True, True, True], True),
        ([True, True, False], False),
        ([False, True, True], False),
        ([False, False, False], False),
    ],
)
def test_a_gradient_follows_from_y_where_it_is_its_own_in_each_case(
    own: Sequence[bool], follows: bool
) -> None:
    Y, dX = (
        Judgement(row, q, Verdict.WRONG) for row, q in (("forward", "Y"), ("grad_input", "dX"))
    )
    groups = {
        kind_of(Failure(CASES[0], judgement)): Group([Failure(case, judgement) for case in CASES])
        for judgement in (Y, dX)
    }
    found = faults_of(groups, Answering(own))  # type: ignore[arg-type]  # it is asked for this alone
    assert [[kind.quantity for kind in fault.kinds] for fault in found] == (
        [["Y"]] if follows else [["Y"], ["dX"]]
    )
    assert [kind.quantity for kind in found[0].following] == (["dX"] if follows else [])
