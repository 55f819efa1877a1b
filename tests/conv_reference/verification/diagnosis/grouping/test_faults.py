"""Which failures are one fault: a wrong gradient of the target's own Y, on whichever case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.grouping.faults import condition_of, faults_of
from conv_reference.verification.diagnosis.grouping.group import Group
from conv_reference.verification.diagnosis.grouping.pairings import of_one_other_map
from conv_reference.verification.diagnosis.kinds import Kind, kind_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import (
    NO_GRADIENT,
    Crash,
    Failure,
    Judgement,
    Thrown,
)
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


class Pairing(Answering):
    """In place of a bench: whether dX and dK are those of one other map, case by case."""

    def __init__(self, told: Sequence[bool | None]) -> None:
        self.told = told

    def ask(self, question: Any, items: Iterable[Case], __: Any) -> dict[Case, Any]:
        assert question is of_one_other_map
        return dict(zip(items, self.told, strict=True))


@pytest.mark.parametrize(
    ("told", "are_one"),
    [
        ([True, True, True], True),
        ([True, None, None], True),
        ([True, True, False], False),
        ([None, None, None], False),
    ],
)
def test_two_gradients_of_one_other_map_are_one_fault(
    told: Sequence[bool | None], are_one: bool
) -> None:
    wrong = (DX_WRONG, Judgement("grad_weight", "dK", Verdict.WRONG))
    groups = {
        kind_of(Failure(CASES[0], judgement)): Group([Failure(case, judgement) for case in CASES])
        for judgement in wrong
    }
    found = faults_of(groups, Pairing(told))  # type: ignore[arg-type]  # it is asked for this alone
    assert len(found) == (1 if are_one else 2)
    assert [kind.quantity for kind in found[0].following] == (["dK"] if are_one else [])


@pytest.mark.parametrize(("shared", "follows"), [(0, False), (1, False), (2, True), (3, True)])
def test_without_time_a_gradient_follows_from_y_where_both_are_wrong_on_nearly_all_of_its_cases(
    *, shared: int, follows: bool
) -> None:
    Y = Failure(CASES[0], Judgement("forward", "Y", Verdict.WRONG))
    dX = Failure(CASES[0], DX_WRONG)
    other = Case.parse("certificate float32 h9 w9 k3")
    groups = {
        kind_of(Y): Group([replace(Y, case=case) for case in [*CASES[:shared], other]]),
        kind_of(dX): Group([replace(dX, case=case) for case in CASES]),
    }
    bench: Any = Answering(())
    bench.is_over = True
    found = faults_of(groups, bench)
    assert [kind.quantity for kind in found[0].following] == (["dX"] if follows else [])
    assert [*groups[kind_of(Y)].unasked] == (["grad_input"] if follows else [])


class Failing(Answering):
    """In place of a bench: what fails on the certificates of a case."""

    def __init__(self, *judgements: Judgement) -> None:
        super().__init__(())
        self.judgements = judgements

    def certificates_of(self, _: Failure) -> list[Case]:
        return CASES[:1]

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
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


def as_faults(*failures: Failure) -> list[tuple[list[str], list[str]]]:
    """Of each fault the rows of its own, and of those that follow from it."""
    groups: dict[Kind, Group] = {}
    for failure in failures:
        groups.setdefault(kind_of(failure), Group([])).failures.append(failure)
    bench: Any = Answering(())
    bench.settings = Settings(seed=0, device="cpu")
    return [
        ([kind.row for kind in fault.kinds], [kind.row for kind in fault.following])
        for fault in faults_of(groups, bench)
    ]


def crash(check: str, status: int, row: str = "forward", *, left: bool = True) -> Failure:
    how = f"left the process with status {status}" if left else "killed by SIGSEGV"
    judgement = Judgement(row, "Y", Verdict.CRASHED, crash=Crash(how, left=left))
    return Failure(Case.parse(f"{check} float32 h4 w5 k2x3"), judgement)


def test_what_leaves_the_process_alike_in_a_check_of_its_own_sizes_is_one_fault() -> None:
    first = crash("certificate", 3)
    assert as_faults(first, crash("refusals", 3, "refusals")) == [(["forward"], ["refusals"])]
    two: list[tuple[list[str], list[str]]] = [(["forward"], []), (["refusals"], [])]
    assert as_faults(first, crash("refusals", 4, "refusals")) == two
    by_signals = crash("certificate", 0, left=False), crash("refusals", 0, "refusals", left=False)
    assert as_faults(*by_signals) == two
    # A check that has its geometry from the case asks for just that.
    drawn = crash("batch_independence", 3, "batch_independence")
    assert as_faults(first, drawn) == [(["forward"], []), (["batch_independence"], [])]


class Ending:
    """In place of a bench: whether the case of another gradient ends its process, too."""

    def __init__(self, *ends: str) -> None:
        self.ends, self.asked = ends, list[str]()

    def failures_on(self, cases: Iterable[Case]) -> dict[Case, list[Failure]]:
        (case,) = cases
        self.asked.append(case.requires_grad)
        found = Judgement("grad_input", "dX", Verdict.CRASHED, crash=Crash("killed"))
        return {case: [Failure(case, found)] * (str(case.geometry) in self.ends)}


def test_gradients_that_end_the_process_alike_are_one_fault() -> None:
    """Each call requested one of them, as the plan has it."""

    def ended(row: str, quantity: str, text: str) -> Failure:
        judgement = Judgement(row, quantity, Verdict.CRASHED, crash=Crash("killed"))
        return Failure(Case.parse(text), judgement)

    K = ended("grad_weight", "dK", "certificate float32 h4 w5 k2x3 grad=K")
    X = ended("grad_input", "dX", "certificate float32 h4 w6 k2x3 grad=X")
    Y = ended("forward", "Y", "certificate float32 h4 w7 k2x3 grad=")
    alike, apart = Ending(str(K.case.geometry)), Ending()
    for bench, expected in (
        (alike, [(["grad_input"], ["grad_weight"]), (["forward"], [])]),
        (apart, [(["grad_weight"], []), (["grad_input"], []), (["forward"], [])]),
    ):
        groups = {kind_of(f): Group([f]) for f in (K, X, Y)}
        found = faults_of(groups, bench)  # type: ignore[arg-type]  # that is all it is asked
        said = [
            ([kind.row for kind in fault.kinds], [kind.row for kind in fault.following])
            for fault in found
        ]
        assert said == expected
        assert bench.asked == ["X"]


def lacking(row: str, quantity: str, text: str) -> Failure:
    judgement = Judgement(row, quantity, Verdict.WRONG, actual=NO_GRADIENT, of_numbers=False)
    return Failure(Case.parse(text), judgement)


def test_no_gradient_of_an_empty_g_follows_from_none_of_a_g_of_zeros() -> None:
    zero = lacking("upstream_signs", "dX", "upstream_signs float32 h1 w1 k1")
    empty = lacking("requires_grad", "dX", "certificate float32 n0 h1 w1 k1")
    padded = lacking("requires_grad", "dX", "certificate float32 h1 w1 k1 p1")
    one = [(["upstream_signs"], ["requires_grad"])]
    assert as_faults(zero, empty) == one
    # Beside one where G is not zero, it is another fault.
    two: list[tuple[list[str], list[str]]] = [(["upstream_signs"], []), (["requires_grad"], [])]
    assert as_faults(zero, empty, padded) == two
    wrong = Judgement("upstream_signs", "dX", Verdict.WRONG)
    assert as_faults(Failure(zero.case, wrong), empty) == two


def test_what_torch_raises_for_a_gradients_shape_does_not_follow_from_that_of_y() -> None:
    said = "Function F returned an invalid gradient at index 0 - got [1]"
    refused = Judgement("grad_input", "dX", Verdict.RAISED, thrown=Thrown("RuntimeError", said))
    raised = Failure(Case.parse("certificate float32 h2 w2 k1 s2"), refused)
    of_y, of_dx = (Failure(CASES[0], Judgement("shapes", q, Verdict.WRONG)) for q in ("Y", "dX"))
    assert as_faults(of_y, raised) == [(["shapes"], []), ([""], [])]
    assert as_faults(of_y, of_dx, raised) == [(["shapes"], []), (["shapes"], [""])]


def slightly_wrong(quantity: str, row: str) -> Failure:
    shown = Judgement(row, quantity, Verdict.WRONG, expected="33554433", actual="33554432")
    return Failure(CASES[0], shown)


@pytest.mark.parametrize("by_dtype", [True, False])
def test_gradients_that_lack_bits_follow_from_a_y_of_another_dtype(*, by_dtype: bool) -> None:
    """G is given in Y's dtype, so that no gradient has more bits; a missing tensor has no dtype."""
    Y = Judgement("shapes", "Y", Verdict.WRONG, unlike=("dtype",) * by_dtype)
    dX, dK = slightly_wrong("dX", "grad_input"), slightly_wrong("dK", "grad_weight")
    found = as_faults(Failure(CASES[0], Y), dX, dK)
    if by_dtype:
        assert found == [(["shapes"], ["grad_input", "grad_weight"])]
    else:
        assert found == [(["shapes"], []), (["grad_input"], ["grad_weight"])]
