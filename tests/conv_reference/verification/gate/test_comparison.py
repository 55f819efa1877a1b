from __future__ import annotations

from dataclasses import replace

import pytest
from made_reports import RIGHT, finding, row

from conv_reference.verification.gate.baseline import (
    Baseline,
    BaselineError,
    baseline_of,
)
from conv_reference.verification.gate.comparison import Comparison, Kind, compare, found, updated
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.model.result import CheckResult, Report, Verdict

PARAMETERS = Parameters(dtypes=("float32",))
EXACT, ROUNDED, WRONG = Verdict.EXACT, Verdict.ROUNDED, Verdict.WRONG


def report(*checks: CheckResult, **changes: object) -> Report:
    return replace(RIGHT, checks=checks, **changes)  # type: ignore[arg-type]  # any field


def baseline(*checks: CheckResult) -> Baseline:
    return baseline_of(report(*checks), PARAMETERS)


def rounded(bits: float, bound: str = "componentwise") -> CheckResult:
    return row("forward", verdict=ROUNDED, effective_bits=bits, bound=bound)


def compared(was: CheckResult, now: CheckResult, **options: float) -> Comparison:
    return compare(baseline(was), report(now), **options)


def test_the_same_report_holds() -> None:
    comparison = compare(baseline_of(RIGHT, PARAMETERS), RIGHT)

    assert not comparison.regressed
    assert comparison == Comparison(held=len(RIGHT.checks), unsupported=2)


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [
        (EXACT, ROUNDED, True),
        (EXACT, WRONG, True),
        (ROUNDED, WRONG, True),
        (ROUNDED, Verdict.RAISED, True),
        (WRONG, Verdict.CRASHED, True),
        (WRONG, WRONG, False),
        (ROUNDED, EXACT, False),
        (WRONG, EXACT, False),
    ],
)
def test_a_verdict_that_got_worse_is_a_regression(was: Verdict, now: Verdict, worse: bool) -> None:
    comparison = compared(row("forward", verdict=was), row("forward", verdict=now))

    assert comparison.regressed == worse
    assert bool(comparison.improvements) == (not worse and was != now)
    if worse:
        assert comparison.regressions[0].kind == Kind.VERDICT


def measured(bits: float | None) -> CheckResult:
    """A row over real operands, where float32 has 24 bits: exact where none are given."""
    verdict, bound = (EXACT, None) if bits is None else (ROUNDED, "componentwise")
    full = None if bits is None else 24.0
    return replace(
        row("precision_forward", verdict=verdict, effective_bits=bits, bound=bound),
        expected_bits=full,
        real=True,
    )


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [
        (None, 25.4, False),
        (None, 23.1, False),
        (None, 22.9, True),
        (25.4, 23.1, False),
        (25.4, 22.9, True),
        (22.0, 20.9, True),
        (25.4, None, False),
    ],
)
def test_more_bits_over_real_operands_than_the_dtype_has_are_luck_that_may_go(
    was: float | None, now: float | None, worse: bool
) -> None:
    before, after = measured(was), measured(now)
    assert compared(before, after).regressed == worse
    fresh = replace(measured(12.0), verdict=WRONG)
    assert not found(baseline(before), report(before), report(measured(now)))
    assert found(baseline(before), report(before), report(fresh))


def test_a_change_reads_as_a_sentence() -> None:
    comparison = compared(row("forward"), rounded(10.5))

    assert str(comparison.regressions[0]) == (
        "forward in float32 on cpu: was exact, is rounded with 10.5 bits (componentwise)"
    )


@pytest.mark.parametrize(
    ("was", "now", "margin", "worse", "better"),
    [
        (22.0, 21.0, 1.0, False, False),
        (22.0, 20.99, 1.0, True, False),
        (22.0, 21.9, 0.0, True, False),
        (22.0, 23.0, 1.0, False, False),
        (22.0, 23.1, 1.0, False, True),
    ],
)
def test_precision_may_drop_by_the_margin(
    was: float, now: float, margin: float, worse: bool, better: bool
) -> None:
    comparison = compared(rounded(was), rounded(now), margin=margin)

    assert comparison.regressed == worse
    assert bool(comparison.improvements) == better
    changes = comparison.regressions + comparison.improvements
    assert {change.kind for change in changes} <= {Kind.PRECISION}


def test_a_weaker_bound_is_a_loss_of_precision() -> None:
    worse = compared(rounded(16.0), rounded(16.0, "normwise"))

    assert [change.kind for change in worse.regressions] == [Kind.PRECISION]
    better = compared(rounded(16.0, "normwise"), rounded(16.0))
    assert not better.regressed
    assert [change.kind for change in better.improvements] == [Kind.PRECISION]


@pytest.mark.parametrize("margin", [-1.0, float("nan")])
def test_a_margin_is_at_least_0(margin: float) -> None:
    with pytest.raises(ValueError, match=f"the margin must be at least 0 bits, got {margin}"):
        compared(rounded(1.0), rounded(1.0), margin=margin)


def test_a_check_that_disappeared_is_a_regression() -> None:
    comparison = compare(baseline(row("forward"), row("vmap")), report(row("forward")))

    assert [(c.kind, c.check, c.now) for c in comparison.regressions] == [
        (Kind.DISAPPEARED, "vmap", "judged in no case")
    ]
    assert comparison.held == 1


def test_another_device_is_another_row() -> None:
    cuda = report(row("forward"), environment=RIGHT.environment | {"device": "cuda"})

    comparison = compare(baseline(row("forward")), cuda)
    assert [c.kind for c in comparison.regressions] == [Kind.DISAPPEARED]
    assert comparison.environment == (("device", "cpu", "cuda"),)


def test_a_check_that_was_not_reached_is_red_and_says_why() -> None:
    cut = report(row("forward"), judged=100)

    comparison = compare(baseline(row("forward"), row("vmap")), cut)
    assert comparison.regressions[0].now == (
        "not reached: the run was cut after 100 of 11,300 cases"
    )
    assert "The run was cut: 100 of 11,300 cases were judged." in comparison.remarks


def test_newly_unsupported_is_a_regression_and_the_reverse_an_improvement() -> None:
    unsupported = row("vmap", verdict=Verdict.UNSUPPORTED)

    comparison = compared(row("vmap"), unsupported)
    assert [c.kind for c in comparison.regressions] == [Kind.UNSUPPORTED]
    assert not compared(unsupported, row("vmap")).regressed


def test_what_newly_raises_in_a_part_of_its_cases_is_a_regression() -> None:
    had, lacks = row("vmap"), row("vmap", unsupported=12, raises=True, reason="raises a ValueError")
    comparison = compared(had, lacks)

    assert [str(change) for change in comparison.regressions] == [
        "vmap in float32 on cpu: was judged on all of its cases, is unsupported in 12 of its cases"
    ]
    assert not compared(lacks, lacks).regressed
    of_old = replace(baseline(had).rows[0], unsupported=None)  # which did not record it
    assert not compare(replace(baseline(had), rows=(of_old,)), report(lacks)).regressed


def test_who_newly_answers_what_has_no_answer_broke_and_what_was_so_holds() -> None:
    refuses, answers = row("refusals"), row("refusals", verdict=Verdict.PERMISSIVE)

    assert compared(refuses, answers).regressed
    assert compared(answers, answers).held == 1
    assert compared(answers, refuses).improvements
    assert compared(answers, row("refusals", verdict=WRONG)).regressed


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_permissive_is_found_in_fresh_cases_and_new_rows_only_by_who_is_strict(
    strict: bool,
) -> None:
    had = baseline(row("forward"))
    now = report(row("forward"), row("refusals", verdict=Verdict.PERMISSIVE), strict=strict)

    assert bool(compare(had, now).appeared) == strict
    assert bool(compare(had, now).improvements) != strict
    was = baseline(row("refusals"))
    assert bool(found(was, report(row("refusals")), now)) == strict


def test_a_family_of_geometries_that_is_newly_unsupported_is_a_regression() -> None:
    was = row("forward", families=(("dilated", 12), ("plain", 3)))
    now = row("forward", families=(("plain", 5),))

    comparison = compared(was, now)
    assert [str(c) for c in comparison.regressions] == [
        "forward in float32 on cpu: was judged on 12 dilated geometries, is on none"
    ]
    assert [c.kind for c in compared(now, was).improvements] == [Kind.FAMILY]


def test_worse_by_known_defects_alone_is_shown_and_no_regression() -> None:
    comparison = compared(row("forward"), row("forward", verdict=WRONG, known=True))

    assert not comparison.regressed
    assert [c.kind for c in comparison.known] == [Kind.KNOWN]


def test_a_new_row_that_is_right_is_an_improvement() -> None:
    comparison = compare(baseline(row("forward")), report(row("forward"), row("jvp")))

    assert [(c.kind, c.check, c.was, c.now) for c in comparison.improvements] == [
        (Kind.NEW, "jvp", "not there", "exact")
    ]


def test_a_new_row_that_fails_is_no_regression_but_appears() -> None:
    comparison = compare(
        baseline(row("forward")), report(row("forward"), row("jvp", verdict=WRONG))
    )

    assert not comparison.regressed
    assert [(c.kind, c.check, c.was, c.now) for c in comparison.appeared] == [
        (Kind.NEW, "jvp", "not there", "wrong")
    ]


def test_what_changed_in_the_environment_is_told() -> None:
    environment = {key: value for key, value in RIGHT.environment.items() if key != "cpu"}
    now = report(row("forward"), environment=environment | {"torch": "2.14.0", "gpu": "H100"})

    assert compare(baseline(row("forward")), now).environment == (
        ("cpu", "avx2 fma", "nothing"),
        ("gpu", "nothing", "H100"),
        ("torch", "2.13.0", "2.14.0"),
    )


def test_other_cases_are_told() -> None:
    remarks = compare(baseline(row("forward")), report(row("forward"), seed=8, planned=5)).remarks

    assert "The seed was 7, is 8: these are other cases." in remarks
    assert any(remark.startswith("The plan had 11,300 cases, has 5") for remark in remarks)


def test_another_target_is_refused() -> None:
    with pytest.raises(BaselineError, match="another target"):
        compare(baseline(row("forward")), report(row("forward"), target="other"))


def test_found_is_what_fresh_cases_alone_show() -> None:
    held, wrong = row("forward"), row("forward", verdict=WRONG)

    assert [c.was for c in found(baseline(held), report(held), report(wrong))] == ["exact"]
    unmet = found(baseline(held), report(held), report(held, row("jvp", verdict=WRONG)))
    assert [(c.check, c.was) for c in unmet] == [("jvp", "not there")]
    assert found(baseline(held), report(wrong), report(wrong)) == ()  # broken, not found
    assert found(baseline(wrong), report(held), report(wrong)) == ()  # it was always there
    assert found(baseline(held), report(held), report(replace(wrong, known=True))) == ()


def test_what_only_follows_from_a_fault_that_was_there_is_not_found() -> None:
    held = row("grad_weight"), row("channel_permutation")
    broken = row("grad_weight", verdict=WRONG), held[1]
    checks = row("grad_weight", verdict=WRONG), row("channel_permutation", verdict=WRONG)
    told = finding(check="grad_weight", also=("channel_permutation",))
    fresh = replace(report(*checks), findings=(told,))

    assert found(baseline(*held), report(*broken), fresh) == ()
    assert found(baseline(*broken), report(*broken), fresh) == ()
    assert found(baseline(*broken), report(*held), fresh) == ()  # the repetition did not meet it
    assert len(found(baseline(*held), report(*held), fresh)) == 2  # the fault itself is new
    apart = replace(fresh, findings=(told, finding(check="channel_permutation")))
    assert [c.check for c in found(baseline(*held), report(*broken), apart)] == [
        "channel_permutation"
    ]
    elsewhere = replace(fresh, findings=(replace(told, dtype="float64"),))
    assert len(found(baseline(*held), report(*broken), elsewhere)) == 1


def test_a_fault_that_the_baselines_own_cases_show_in_other_rows_is_not_found() -> None:
    """A gate was red for it again and again: fresh cases meet it in other rows each time."""
    held = row("forward"), row("scales"), row("vmap")
    failing = held[0], row("scales", verdict=WRONG), held[2]
    told = finding(check="forward", also=("scales",))
    repeated = replace(report(*failing), findings=(told,))
    fresh_rows = report(held[0], row("scales", verdict=WRONG), row("vmap", verdict=WRONG))
    fresh = replace(fresh_rows, findings=(replace(told, also=("scales", "vmap")),))

    assert found(baseline(*failing), repeated, fresh) == ()
    other = replace(fresh, findings=(replace(fresh.findings[0], geometry="h9 w9 k1"),))
    assert [c.check for c in found(baseline(*failing), repeated, other)] == ["vmap"]


def test_an_exact_check_that_rounds_on_fresh_cases_is_found_and_bits_of_other_cases_are_not() -> (
    None
):
    assert len(found(baseline(row("forward")), report(row("forward")), report(rounded(20.0)))) == 1
    assert found(baseline(rounded(22.0)), report(rounded(22.0)), report(rounded(15.0))) == ()


def test_the_first_baseline_takes_everything() -> None:
    assert updated(None, RIGHT, PARAMETERS) == baseline_of(RIGHT, PARAMETERS)


def test_an_update_takes_improvements_and_new_rows() -> None:
    now = report(row("forward"), row("jvp"), environment=RIGHT.environment | {"torch": "99.0"})
    new = updated(baseline(rounded(20.0)), now, PARAMETERS)

    assert {row.check: row.verdict for row in new.rows} == {"forward": EXACT, "jvp": EXACT}
    assert new.environment == baseline_of(now, PARAMETERS).environment


@pytest.mark.parametrize(
    "now", [report(row("forward", verdict=WRONG)), report(rounded(3.0)), report(row("jvp"))]
)
def test_an_update_takes_a_regression_only_when_asked(now: Report) -> None:
    old = baseline(row("forward"))

    kept = updated(old, now, PARAMETERS)
    assert old.rows[0] in kept.rows
    assert kept.environment == old.environment
    assert old.rows[0] not in updated(old, now, PARAMETERS, accept_regressions=True).rows


def test_small_losses_do_not_add_up_over_updates() -> None:
    current = baseline(rounded(22.0))
    for bits in (21.5, 21.1):
        current = updated(current, report(rounded(bits)), PARAMETERS)

    assert current.rows[0].bits == 22.0
    assert compare(current, report(rounded(20.9))).regressed
