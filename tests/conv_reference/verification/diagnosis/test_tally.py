from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.tally import Tally
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement, Quantity, Thrown
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import AS_FOUND, CheckResult, Verdict
from conv_reference.verification.trial.agreement import not_judged, observed
from conv_reference.verification.trial.slow_targets import TOO_SLOW
from conv_reference.verification.trial.values import miss_bound

SMALL = Case.parse("certificate float32 h1 w2 k1x2")
LARGE = Case.parse("certificate float32 n4 h8 w8 k3")
DOUBLE = Case.parse("certificate float64 h1 w2 k1x2")
EXACT = Judgement("forward", "Y", Verdict.EXACT)
WRONG = Judgement("forward", "Y", Verdict.WRONG, index=(0, 0, 0, 0), explanation="wrong")


def tally() -> Tally:
    return Tally(list(all_checks().values()), [torch.float32, torch.float64])


def rounded(bits: float, bound: str) -> Judgement:
    return Judgement("forward", "Y", Verdict.ROUNDED, bits, bound)


def result(*seen: tuple[Case, Any]) -> CheckResult:
    """Of the row "forward" in float32."""
    given = tally()
    for case, judged in seen:
        given.add(case, judged)
    (found,) = [r for r in given.results([]) if (r.name, r.dtype) == ("forward", "float32")]
    return found


def test_a_geometry_is_counted_once_and_a_case_each_time() -> None:
    found = result((SMALL, [EXACT, EXACT]), (SMALL, [EXACT]), (LARGE, [EXACT]))
    assert (found.geometries, found.cases, found.verdict) == (2, 3, Verdict.EXACT)
    assert (found.effective_bits, found.expected_bits) == (None, None)  # nothing was rounded
    assert dict(found.families) == {"plain": 2}


def test_the_miss_bound_is_the_weakest_of_the_balanced_cases() -> None:
    heavy = Case.parse(f"{LARGE} values=heavy_input")
    small, large = (miss_bound(case.geometry, torch.float32, "Y") for case in (SMALL, LARGE))

    assert large > small
    assert result((SMALL, [EXACT]), (LARGE, [EXACT])).miss_bound == large
    assert result((SMALL, [EXACT]), (heavy, [EXACT])).miss_bound == small
    assert result((heavy, [EXACT])).miss_bound is None


def test_each_row_has_the_miss_bound_of_its_own_quantity() -> None:
    rows = {"forward": "Y", "grad_input": "dX", "grad_weight": "dK", "grad_bias": "db"}
    given = tally()
    given.add(LARGE, [Judgement(row, quantity, Verdict.EXACT) for row, quantity in rows.items()])
    found = {r.name: r.miss_bound for r in given.results([]) if r.dtype == "float32"}

    expected = {row: miss_bound(LARGE.geometry, torch.float32, q) for row, q in rows.items()}
    assert {row: found[row] for row in rows} == expected
    assert len({*expected.values()}) > 1


@pytest.mark.parametrize("letter", ["X", "K", "G"])
def test_expanded_operands_lend_no_miss_bound(letter: str) -> None:
    expanded = Case.parse(f"{SMALL} {letter}=expanded")
    assert result((expanded, [EXACT])).miss_bound is None


@pytest.mark.parametrize(
    ("judgements", "verdict"),
    [
        ([EXACT, rounded(20.0, "componentwise")], Verdict.ROUNDED),
        ([rounded(20.0, "normwise"), WRONG], Verdict.WRONG),
        ([EXACT, Judgement("forward", "Y", Verdict.UNSUPPORTED)], Verdict.EXACT),
        ([Judgement("forward", "Y", Verdict.UNSUPPORTED)], Verdict.UNSUPPORTED),
        ([WRONG, Judgement("forward", "Y", Verdict.RAISED)], Verdict.WRONG),
    ],
    ids=["rounded", "wrong", "unsupported in part", "unsupported", "raised and wrong"],
)
def test_the_worst_counts_and_what_is_unsupported_does_not(
    judgements: list[Judgement], verdict: Verdict
) -> None:
    found = result(*((SMALL, [judgement]) for judgement in judgements))
    assert found.verdict == verdict
    assert (found.miss_bound is None) == (verdict != Verdict.EXACT)


def test_the_least_bits_and_the_weaker_bound_are_told() -> None:
    found = result(
        (SMALL, [rounded(22.5, "componentwise")]),
        (LARGE, [rounded(14.5, "normwise")]),
        (LARGE, [rounded(20.0, "componentwise")]),
    )
    assert (found.effective_bits, found.expected_bits, found.bound) == (14.5, 24, "normwise")
    assert result((SMALL, [rounded(22.5, "componentwise")])).bound == "componentwise"


def test_the_reason_is_that_of_the_first_that_gave_one() -> None:
    reasons = [
        Judgement("forward", "Y", Verdict.UNSUPPORTED, actual=words)
        for words in ("", "no rule", "other")
    ]
    found = result(*((SMALL, [reason]) for reason in reasons))
    assert found.reason == "no rule"
    assert result((SMALL, reasons), (SMALL, [EXACT])).reason == "no rule"


def test_what_was_refused_is_counted_apart_from_what_was_judged() -> None:
    refused = [Judgement("forward", "Y", Verdict.UNSUPPORTED, actual="no groups")]
    found = result((SMALL, [EXACT]), (LARGE, refused), (LARGE, refused))

    assert (found.verdict, found.cases, found.unsupported) == (Verdict.EXACT, 1, 2)
    assert (found.geometries, found.reason) == (1, "no groups")
    assert found.has_refusals
    assert result((LARGE, refused)).has_refusals
    assert not result((SMALL, [EXACT])).has_refusals


@pytest.mark.parametrize("thrown", [Thrown("E", "no"), Thrown("E", "no", refusal=True), None])
def test_what_is_refused_in_one_question_is_not_counted_as_judged(thrown: Thrown | None) -> None:
    """A row of such cases alone is not right, whatever the other questions were answered with."""
    raised = Judgement("forward", "Y", Verdict.UNSUPPORTED, thrown=thrown)
    whole, part = (SMALL, [EXACT]), (LARGE, [EXACT, raised])
    found = result(whole, part)
    assert (found.verdict, found.cases, found.unsupported) == (Verdict.EXACT, 1, 1)
    assert result(part).verdict == Verdict.UNSUPPORTED
    failed = result((LARGE, [WRONG, raised]))  # it has a verdict, and is seen in one case
    assert (failed.verdict, failed.cases, failed.unsupported) == (Verdict.WRONG, 1, 0)


@pytest.mark.parametrize("refusal", [True, False])
def test_of_what_is_mapped_over_it_is_said_what_is_refused(refusal: bool) -> None:
    over_X, over_K = Quantity("Y", ("X",), (1,)), Quantity("Y", ("K",), (0,))
    right = Judgement("vmap", "", Verdict.EXACT).about(over_K)
    refused = Judgement(
        "vmap",
        f"{over_X}",
        Verdict.UNSUPPORTED,
        actual="no rule for 3 dimensions",
        mapped=over_X,
        thrown=Thrown("RuntimeError", "no rule", refusal=refusal),
        over=(over_X.alike,),
    )
    given = tally()
    for size, judgements in ((3, [right, refused]), (4, [right]), (5, [refused])):
        given.add(Case.parse(f"vmap float32 h1 w{size} k1x2"), judgements)
    (found,) = given.results([])
    assert (found.verdict, found.cases, found.unsupported) == (Verdict.EXACT, 1, 2)
    assert found.reason == "mapped over X, though not over K: no rule for 3 dimensions"


def test_refused_cases_lend_no_miss_bound() -> None:
    refused = [Judgement("forward", "Y", Verdict.UNSUPPORTED)]
    assert result((SMALL, [EXACT]), (LARGE, refused)).miss_bound == miss_bound(
        SMALL.geometry, torch.float32, "Y"
    )


def test_a_crash_is_a_failure_of_the_checks_first_row() -> None:
    given = tally()
    given.add(SMALL, Crash("killed by SIGSEGV", "the end"))
    given.add(Case.parse("vmap float32 h1 w1 k1"), Crash("did not return within 20 s"))
    certificate, vmap = given.failures()

    assert (certificate.judgement.check, certificate.judgement.verdict) == ("forward", "crashed")
    assert (certificate.judgement.expected, certificate.judgement.actual) == (
        "an answer",
        "killed by SIGSEGV",
    )
    assert certificate.judgement.explanation == "killed by SIGSEGV: the end"
    assert vmap.judgement.check == all_checks()["vmap"].rows[0].name
    assert vmap.judgement.explanation == "did not return within 20 s"
    assert {r.verdict for r in given.results([])} == {Verdict.CRASHED}


def test_a_crash_at_a_rows_own_geometry_is_that_rows() -> None:
    rows = all_checks()["large"].rows
    given = tally()
    for row in rows:
        case = Case.parse(f"large float32 {row.geometries[0]}")
        given.add(case, Crash("killed by SIGSEGV"))

    assert [failure.judgement.check for failure in given.failures()] == [row.name for row in rows]


@pytest.mark.parametrize(
    ("hung", "known", "timed_out"),
    [
        ([True, True], [], True),
        ([True, False], [], False),
        ([True, False], [1], True),  # what is known says nothing beside it
        ([True, False], [0, 1], False),
    ],
)
def test_what_only_did_not_return_in_time_is_said_to_have_timed_out(
    hung: list[bool], known: list[int], *, timed_out: bool
) -> None:
    given = tally()
    for case, late in zip((SMALL, LARGE), hung, strict=True):
        given.add(case, Crash("killed by SIGKILL", hung=late))
    failures = given.failures()
    (found,) = given.results([failures[place] for place in known])
    assert (found.verdict, found.timed_out) == (Verdict.CRASHED, timed_out)


def test_a_row_is_known_when_all_its_failures_are() -> None:
    given = tally()
    given.add(SMALL, [WRONG])
    given.add(LARGE, [WRONG])
    failures = given.failures()

    assert [r.known for r in given.results(failures)] == [True]
    assert [r.known for r in given.results(failures[:1])] == [False]
    assert [r.known for r in given.results([])] == [False]


def test_beside_a_new_failure_a_known_one_says_nothing_of_how_bad_the_row_is() -> None:
    given = tally()
    raised = Judgement("forward", "Y", Verdict.RAISED)
    given.add(SMALL, [WRONG])
    given.add(LARGE, [raised])
    wrong, _ = given.failures()

    assert [r.verdict for r in given.results([])] == [Verdict.WRONG]
    assert [(r.verdict, r.known) for r in given.results([wrong])] == [(Verdict.RAISED, False)]
    assert [(r.verdict, r.known) for r in given.results(given.failures())] == [
        (Verdict.WRONG, True)
    ]


def test_a_case_is_refused_where_each_of_its_rows_is_and_none_fails() -> None:
    given = tally()
    refused = Judgement("grad_input", "dX", Verdict.UNSUPPORTED)
    given.add(SMALL, [EXACT, refused])
    given.add(LARGE, [refused])
    given.add(DOUBLE, [])
    part, failed = (Case.parse(f"certificate float32 h1 w{width} k1x2") for width in (5, 6))
    given.add(part, [EXACT, Judgement("forward", "Y", Verdict.UNSUPPORTED)])
    given.add(failed, [WRONG, Judgement("forward", "Y", Verdict.UNSUPPORTED)])

    assert list(given.refused) == [LARGE, part]


def test_what_is_refused_in_a_mode_that_nobody_promised_is_counted_apart() -> None:
    given = tally()
    for check in ("autocast", "vmap", "certificate"):
        case = Case.parse(f"{check} float32 h1 w2 k1x2")
        row = "forward" if check == "certificate" else check
        given.add(case, [Judgement(row, "Y", Verdict.UNSUPPORTED)])
    assert (len(given.refused), given.unpromised) == (3, 1)


def test_large_sizes_that_a_slow_target_is_spared_are_counted_apart() -> None:
    """It was said of them that the target does not support them."""
    given = tally()
    for case, why in ((SMALL, TOO_SLOW), (LARGE, "no strides")):
        given.add(case, [Judgement("forward", "Y", Verdict.UNSUPPORTED, explanation=why)])
    assert ([*given.refused], [*given.spared]) == ([SMALL, LARGE], [SMALL])


def test_of_what_is_refused_it_is_counted_what_only_raises() -> None:
    given = tally()
    for place, thrown in enumerate((Thrown("E", "no"), Thrown("E", "no", refusal=True), None)):
        case = Case.parse(f"certificate float32 h1 w{place + 2} k1x2")
        given.add(case, [Judgement("forward", "Y", Verdict.UNSUPPORTED, thrown=thrown)])
    assert (len(given.refused), [*given.raising]) == (3, [SMALL])
    found = [r for r in given.results([]) if r.name == "forward"]
    assert [(r.unsupported, r.raising) for r in found] == [(3, 1)]


def test_rows_come_as_they_are_listed_the_certificates_first_and_dtypes_as_asked() -> None:
    given = tally()
    given.add(Case.parse("vmap float32 h1 w1 k1"), [Judgement("vmap", "Y", Verdict.EXACT)])
    given.add(DOUBLE, [EXACT])
    given.add(SMALL, [Judgement("grad_input", "dX", Verdict.EXACT), EXACT])

    assert [(r.name, r.dtype) for r in given.results([])] == [
        ("forward", "float32"),
        ("forward", "float64"),
        ("grad_input", "float32"),
        ("vmap", "float32"),
    ]


def test_what_is_observed_is_noted_once_and_not_judged() -> None:
    given = tally()
    seen = Judgement("forward", "Y", Verdict.EXACT, observation="a NaN spreads")
    given.add(SMALL, [seen])
    given.add(LARGE, [seen])
    given.add(DOUBLE, [Judgement("forward", "Y", Verdict.UNSUPPORTED)])  # is none to be told apart

    assert given.notes == [Note(NoteKind.OBSERVED, "a NaN spreads")]
    assert given.failures() == []
    given.add(DOUBLE, [Judgement("forward", "Y", Verdict.EXACT)])
    assert given.notes == [Note(NoteKind.OBSERVED, "a NaN spreads (met in float32)")]
    given.add(DOUBLE, [seen])
    assert given.notes == [Note(NoteKind.OBSERVED, "a NaN spreads")]


def test_of_a_check_that_is_put_in_one_dtype_no_dtype_is_told_again() -> None:
    """It read "under autocast, Y is of bfloat16 (float32)"."""
    case = Case.parse("autocast float32 h1 w1 k1")
    given = Tally([all_checks()["autocast"]], (torch.float64, torch.float32))
    given.add(case, [observed("autocast", "Y", "in bfloat16", of="Y is")])
    assert [str(note) for note in given.notes] == ["Y is in bfloat16"]
    given.add(case, [observed("autocast", "Y", "in float32", of="Y is")])
    said = "Y is in bfloat16 in some cases, and in float32 in others"
    assert [str(note) for note in given.notes] == [said]


def test_several_answers_to_one_question_are_told_together_each_with_its_dtypes() -> None:
    kept, lost = (
        observed("forward", "Y", what, of="zeros are") for what in ("kept in Y", "lost in Y")
    )
    given = tally()
    given.add(SMALL, [kept])
    given.add(DOUBLE, [lost, observed("forward", "Y", "a NaN spreads")])
    assert [str(note) for note in given.notes] == [
        "zeros are kept in Y in float32, and lost in Y in float64",
        "a NaN spreads (met in float64)",
    ]
    given.add(LARGE, [lost])
    assert str(given.notes[0]) == (
        "zeros are kept in Y in float32 (some cases), "
        "and lost in Y in float32 (some cases), float64"
    )
    alone = tally()
    alone.add(SMALL, [kept])
    assert [str(note) for note in alone.notes] == ["zeros are kept in Y"]


def test_what_torch_throws_for_a_gradient_of_another_shape_is_no_raise_of_a_mode() -> None:
    thrown = Thrown("RuntimeError", "Function F returned an invalid gradient at index 0 - got [1]")
    case = Case.parse("jacrev float32 h1 w2 k1")
    refused = Judgement("jacrev", "dX", Verdict.UNSUPPORTED, actual="raises", thrown=thrown)
    given = Tally((*all_checks().values(),), (torch.float32,))
    given.add(case, [refused])
    (alone,) = given.results(())
    given.add(SMALL, [Judgement("shapes", "dX", Verdict.WRONG)])
    _, beside = given.results(())

    assert (alone.raises, alone.reason) == (True, "raises")
    assert (beside.raises, beside.reason) == (False, AS_FOUND)


def test_a_row_that_claims_nothing_where_a_finding_is_raised_says_so() -> None:
    thrown = Thrown("RuntimeError", "shape '[1, 2]' is invalid", "mine.py:3")
    case = Case.parse("autocast float32 h1 w2 k1")
    said = not_judged("autocast", "under autocast the call raises RuntimeError", thrown)
    given = Tally((*all_checks().values(),), (torch.float32,))
    given.add(case, [said])
    (alone,) = given.results(())
    raised = Judgement("forward", "Y", Verdict.RAISED, thrown=thrown)
    given.add(SMALL, [raised])
    _, beside = given.results(())

    assert (alone.raises, alone.reason) == (False, said.explanation)
    assert (beside.raises, beside.reason) == (False, AS_FOUND)


def test_what_the_same_line_raises_in_other_words_is_not_what_a_finding_reports() -> None:
    """A line that lacks a dtype, say, and fails on an empty batch: no finding reports the dtype."""
    case = Case.parse("batched_gradients float32 h1 w2 k1")
    lacking = Thrown("RuntimeError", "Unsupported dtype Half", "mine.py:3")
    said = not_judged("batched_gradients", "RuntimeError: Unsupported dtype Half", lacking)
    given = Tally((*all_checks().values(),), (torch.float32,))
    given.add(case, [said])
    raised = Judgement("forward", "Y", Verdict.RAISED, thrown=replace(lacking, message="no data"))
    given.add(SMALL, [raised])
    (reason,) = (each.reason for each in given.results(()) if each.name == "batched_gradients")
    assert reason == "RuntimeError: Unsupported dtype Half"


def test_a_case_that_a_row_refused_is_none_that_passed() -> None:
    given = tally()
    given.add(SMALL, [EXACT])
    given.add(LARGE, [Judgement("forward", "Y", Verdict.UNSUPPORTED)])
    given.add(DOUBLE, [WRONG])
    assert given.judged_in["forward"] == [SMALL, DOUBLE]
