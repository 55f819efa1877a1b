"""Which failures are one fault: a wrong gradient of the target's own Y, on whichever case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.faults import condition_of, faults_of
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
    is_over = False
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


class Failing(Answering):
    """In place of a bench: what fails on the certificates of a case."""

    def __init__(self, *judgements: Judgement) -> None:
        super().__init__(())
        self.judgements = judgements

    def certificates_of(self, _: Failure) -> list[Case]:
        return CASES[:1]

    def failures_on(self, cases: Iterable[Case]) -> dict[Case, list[Failure]]:
        return {case: [Failure(case, each) for each in self.judgements] for case in cases}


G_CHANGED = Judgement("arguments", "G", Verdict.WRONG)
DX_WRONG = Judgement("grad_input", "dX", Verdict.WRONG)


@pytest.mark.parametrize(
    ("found", "own"),
    [
        ((), True),
        ((G_CHANGED,), False),  # by a changed argument alone
        ((DX_WRONG,), False),  # by a number alone
        ((Judgement("grad_weight", "dK", Verdict.WRONG), DX_WRONG), False),  # by one of several
        ((Judgement("grad_weight", "dK", Verdict.WRONG),), True),
    ],
)
def test_a_failure_is_its_own_where_nothing_on_its_certificates_is_behind_it(
    found: Sequence[Judgement], own: bool
) -> None:
    second = Failure(CASES[0], Judgement("two_backwards", "dX", Verdict.WRONG))
    groups = {
        kind_of(failure): Group([failure]) for failure in (Failure(CASES[0], DX_WRONG), second)
    }
    bench: Any = Failing(*found)
    assert condition_of(kind_of(second), groups, bench)(second) is own


def test_where_nothing_is_first_every_failure_is_its_own() -> None:
    second = Failure(CASES[0], Judgement("two_backwards", "dX", Verdict.WRONG))
    bench: Any = Failing(DX_WRONG)
    assert condition_of(kind_of(second), {kind_of(second): Group([second])}, bench)(second)
