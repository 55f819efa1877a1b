"""What a backward pass raises, a changed argument makes, or equal numbers hide: see ``origins``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import pytest
import several
from benches import NothingKnown

from conv_reference.verification import Verdict, verify
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.follows import explains
from conv_reference.verification.diagnosis.grouping.origins import MOST_ASKED, sorted_out
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement, Thrown
from conv_reference.verification.options import clock
from conv_reference.verification.report.groups import groups

SHAPE = Judgement("shapes", "Y", Verdict.WRONG)
RAISED = Judgement(
    "upstream_accumulated",
    "dX",
    Verdict.RAISED,
    thrown=Thrown("RuntimeError", "Output size is too small", place="my_conv.py:19"),
)
WIDE, NARROW = (Case.parse(f"upstream_accumulated float64 h1 w{width} k1") for width in (5, 1))


class _Bench(NothingKnown):
    """Asked for nothing but this: on narrow images Y has another shape, and nothing else fails."""

    is_over = False

    def own_certificates_of(self, failure: Failure) -> list[Case]:
        return [failure.case]

    def plain_certificates_of(self, failure: Failure) -> list[Case]:
        return []

    def recast(self, case: Case, check: str) -> Case:
        return case

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        return {case: [Failure(case, SHAPE)] * (case.geometry.input_size[1] == 1) for case in cases}


class _OutOfTime(_Bench):
    """It ran only cases of some checks."""

    is_over = True

    def __init__(self, *ran: str) -> None:
        self.ran = ran

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        return {case: [] for case in cases if case.check in self.ran}


def test_a_backward_pass_that_raises_follows_from_a_y_of_another_shape_on_its_case_alone() -> None:
    failures = [Failure(case, RAISED) for case in (WIDE, NARROW)]
    found, _ = sorted_out(failures, cast("Bench", _Bench()))
    assert {f.case: f.judgement for g in found.values() for f in g.failures} == {
        WIDE: RAISED,
        NARROW: SHAPE,
    }


def test_of_many_raises_a_sample_is_run_and_the_others_follow_as_those_do() -> None:
    cases = [Case.parse(f"upstream_accumulated float64 h{h} w1 k1") for h in range(1, 40)]
    assert len(cases) > MOST_ASKED
    found, _ = sorted_out([Failure(case, RAISED) for case in cases], cast("Bench", _Bench()))

    ((kind, group),) = found.items()
    assert (kind.row, [*group.rows]) == ("shapes", ["upstream_accumulated"])
    assert len(group.failures) == len(cases)


def test_a_forward_pass_does_not_raise_for_the_shape_of_an_answer_nor_does_a_gradients_count() -> (
    None
):
    assert explains(SHAPE, RAISED)
    assert not explains(SHAPE, replace(RAISED, quantity="Y"))
    assert not explains(replace(SHAPE, quantity="dX"), RAISED)
    assert not explains(Judgement("grad_input", "dX", Verdict.WRONG), RAISED)  # nor for a number


def test_a_graph_is_not_lost_because_a_number_is_wrong() -> None:
    lost = Judgement("requires_grad", "Y", Verdict.WRONG, of_numbers=False)
    assert explains(SHAPE, lost)
    assert not explains(Judgement("forward", "Y", Verdict.WRONG), lost)


def test_without_time_a_raise_is_laid_to_a_raise_where_there_is_one() -> None:
    same = replace(RAISED, check="grad_input")
    first = [Failure(NARROW, SHAPE), Failure(WIDE, same)]
    found, _ = sorted_out([*first, Failure(WIDE, RAISED)], cast("Bench", _OutOfTime()))
    also = {kind.row: [*group.rows] for kind, group in found.items()}
    assert also == {"shapes": ["shapes"], "": ["grad_input", "upstream_accumulated"]}


def test_without_time_what_an_empty_batch_raises_in_other_words_is_laid_to_no_other_raise() -> None:
    size = Failure(WIDE, replace(RAISED, check="grad_input"))
    thrown = Thrown("RuntimeError", "cannot reshape 0 elements", place="my_conv.py:19")
    empty = Case.parse("upstream_accumulated float64 n0 h1 w5 k1")
    nothing = Failure(empty, replace(RAISED, thrown=thrown))
    found, _ = sorted_out([size, nothing], cast("Bench", _OutOfTime()))
    assert [group.failures for group in found.values()] == [[size], [nothing]]
    same = Failure(empty, size.judgement)  # of the same words
    found, _ = sorted_out([size, same], cast("Bench", _OutOfTime()))
    assert [group.failures for group in found.values()] == [[size, same]]


def test_without_time_what_was_run_and_came_out_right_is_no_consequence() -> None:
    first = Failure(WIDE, replace(RAISED, check="grad_input"))
    failures = [first, Failure(replace(WIDE, check="jvp"), replace(RAISED, check="jvp"))]
    also = []
    for bench in (_OutOfTime(), _OutOfTime("jvp")):
        found, _ = sorted_out(failures, cast("Bench", bench))
        also.append([name for group in found.values() for name in group.unasked])
    assert also == [["jvp"], []]


def test_what_is_answered_without_a_convolution_follows_from_no_wrong_number() -> None:
    """Else a wrong target's report names it, and never says what was answered."""
    answered = replace(
        RAISED, check="refusals", quantity="", verdict=Verdict.PERMISSIVE, thrown=None
    )
    wrong = Judgement("forward", "Y", Verdict.WRONG)
    assert explains(wrong, replace(answered, verdict=Verdict.WRONG))
    assert not explains(wrong, answered)


def test_without_time_what_a_changed_argument_may_cause_is_filed_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "taking_apart", lambda *_, **__: 0.0)
    checks = ("certificate", "memory", "two_backwards", "degenerate", "double_backward")
    report = verify(
        several.scales_its_upstream, dtypes=["float64"], checks=checks, cases=40, seed=1
    )
    (group,) = groups(report.findings)

    assert (group.first.check, group.first.quantity) == ("arguments", "G")
    assert "untouched_arguments" in group.following
    assert "was not asked, for want of time" in group.first.circumstances


class _RightByChance(NothingKnown):
    """A simpler mode comes out right on the numbers of the run, and wrong on others."""

    is_over = False
    settings = None

    def ask(self, *_: object) -> dict[object, object]:
        return {}

    def own_certificates_of(self, failure: Failure) -> list[Case]:
        return []

    def plain_certificates_of(self, failure: Failure) -> list[Case]:
        return []

    def recast(self, case: Case, check: str) -> Case:
        return replace(case, check=check)

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        return {case: [_tangent(case)] if further else [] for case in cases}


def _tangent(case: Case) -> Failure:
    return Failure(case, Judgement(case.check, "tangent of Y along b", Verdict.WRONG))


def test_what_a_simpler_mode_shows_on_other_numbers_alone_follows_from_the_runs_own_failure() -> (
    None
):
    """Of two tangents of a bias that are equal their mean is right."""
    cases = [Case.parse(f"{check} bfloat16 h1 w1 o2 k1") for check in ("jvp", "dual_numbers")]
    bench = cast("Bench", _RightByChance())
    found, _ = sorted_out(map(_tangent, cases), bench)
    assert {kind.row: [*group.rows] for kind, group in found.items()} == {
        "jvp": ["jvp", "dual_numbers"]
    }
    assert {f.case.check for group in found.values() for f in group.failures} == {"jvp"}
    alone, _ = sorted_out([_tangent(cases[1])], bench)
    assert [kind.row for kind in alone] == ["dual_numbers"]
