"""One fault, one finding: several at once are told apart, and what follows from one is under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import cast

import faulty
import modes
import pytest
import several
import torch
from benches import NothingKnown
from torch import Tensor

from conv_reference.verification import Report, Verdict, verify
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.follows import disturbs
from conv_reference.verification.diagnosis.grouping.origins import sorted_out
from conv_reference.verification.known.known import SHIPPED, Defect, load
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Failure, Judgement, Thrown
from conv_reference.verification.model.result import AS_FOUND
from conv_reference.verification.options import clock
from conv_reference.verification.report import text
from conv_reference.verification.report.groups import groups, rows_of

pytestmark = pytest.mark.usefixtures("without_circumstances")

CHECKS = (
    "certificate", "adjointness", "batch_independence", "depthwise", "without_gradients",
    "two_backwards", "double_backward", "vmap", "vmap_nested", "vmap_gradients",
)  # fmt: skip


@cache
def reported(name: str) -> Report:
    implementation = getattr(several, name)
    return verify(implementation, dtypes=["float32", "float64"], checks=CHECKS, budget=2, seed=1)


def told(report: Report) -> set[tuple[str, str, str]]:
    """Of each fault its row, quantity and verdict."""
    first = [group.first for group in groups(report.findings)]
    return {(f.check, f.quantity.partition(" (")[0], f.verdict) for f in first}


SHAPE = ("shapes", "Y", Verdict.WRONG)
RAISE = ("grad_input", "dX", Verdict.RAISED)
GROUPS = ("grad_weight", "dK", Verdict.WRONG)
VMAP = ("vmap", "Y mapped over K", Verdict.WRONG)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("wrong_shape", {SHAPE}),
        ("shape_and_raise", {SHAPE, RAISE}),
        ("four", {SHAPE, RAISE, GROUPS, VMAP}),
    ],
)
def test_as_many_groups_as_faults_and_each_fault_is_told(
    name: str, faults: set[tuple[str, str, str]]
) -> None:
    report = reported(name)

    assert told(report) == faults
    assert len(groups(report.findings)) == len(faults)


@pytest.mark.slow
def test_each_failing_cell_of_the_table_says_which_finding_it_shows() -> None:
    report = reported("four")
    lines = text.render(report).splitlines()
    cells = [line for line in lines if line.startswith("  ") and ("WRONG" in line[:60])]

    assert cells
    assert all("see " in line for line in cells)
    assert any("see 1, " in line for line in cells)


@pytest.mark.slow
def test_a_raise_is_one_finding_whatever_it_is_blamed_on_and_shown_in() -> None:
    report = reported("shape_and_raise")
    raised = [f for f in report.findings if f.verdict == Verdict.RAISED]

    assert {finding.dtype for finding in raised} == {"float32", "float64"}
    assert len({finding.fault for finding in raised}) == 1
    assert {"adjointness", "grad_input"} <= {r for f in raised for r in rows_of(f)}


@pytest.mark.slow
def test_a_mode_that_only_follows_is_under_the_simpler_one() -> None:
    wrong = [f for f in reported("four").findings if f.check.startswith("vmap")]

    assert {finding.check for finding in wrong} == {"vmap"}
    assert any("vmap_nested" in finding.also for finding in wrong)


@pytest.mark.slow
def test_gradients_of_a_wrong_output_follow_from_it() -> None:
    report = verify(
        faulty.flipped_kernel, dtypes=["float64"], checks=["certificate"], budget=0.3, seed=0
    )
    (group,) = groups(report.findings)

    assert {f.quantity: f.follows for f in group.findings} == {"Y": False, "dX": True, "dK": True}
    assert {*group.following} == {"grad_input", "grad_weight"}


@pytest.mark.slow
def test_a_gradient_that_is_not_that_of_the_wrong_output_is_a_fault_of_its_own() -> None:
    report = verify(
        several.twice_wrong, dtypes=["float64"], checks=["certificate"], budget=0.3, seed=0
    )
    found = groups(report.findings)

    assert [group.first.quantity for group in found] == ["Y", "dK"]
    assert [f.quantity for f in found[0].findings] == ["Y", "dX"]


def test_without_time_the_findings_are_shown_as_they_were_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "taking_apart", lambda *_, **__: 0.0)
    report = verify(
        several.four, dtypes=["float64"], checks=["certificate", "vmap"], budget=0.3, seed=1
    )

    assert {SHAPE, RAISE, GROUPS} <= told(report)
    assert all(not finding.cause for finding in report.findings)


def test_without_time_gradients_follow_from_an_output_that_is_wrong_wherever_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "taking_apart", lambda *_, **__: 0.0)
    found = {
        target: [
            group.first.quantity
            for group in groups(
                verify(target, dtypes="float64", checks="certificate", cases=60, seed=0).findings
            )
        ]
        for target in (faulty.flipped_kernel, several.twice_wrong)
    }
    assert found == {faulty.flipped_kernel: ["Y"], several.twice_wrong: ["Y", "dK"]}


def test_what_would_follow_is_laid_to_the_certificate_without_time_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "taking_apart", lambda *_, **__: 0.0)
    checks, dtypes = ["certificate", "without_gradients"], ["float64", "float32"]
    report = verify(several.wrong_shape, dtypes=dtypes, checks=checks, cases=200, seed=1)
    (group,) = groups(report.findings)

    assert group.first.check == "shapes"
    assert "without_gradients" in group.following
    said = "Whether failures of without_gradients follow from it was not asked, for want of time"
    assert group.first.circumstances.endswith(f"{said}: they may show another fault.")


@pytest.mark.parametrize(
    "case",
    [
        # The kernel repeats one number, so its certificate is right; the check changes it in place.
        "updated_arguments float32 n1 c1 h3 w4 o1 k1x2 K=expanded nobias grad=",
        # Few numbers are drawn in so narrow a dtype: on its own the certificate may be right.
        "jvp float16 n1 c1 h1 w2 o1 k1x2 values=ones grad=",
    ],
)
def test_what_is_right_by_chance_on_the_case_itself_still_explains(case: str) -> None:
    (group,) = groups(verify(faulty.flipped_kernel, case=case, seed=1).findings)

    assert group.first.check == "forward"
    assert group.following == (case.partition(" ")[0],)


def test_a_changed_argument_is_one_finding_whatever_comes_of_it() -> None:
    """Other numbers at a second pass; a raise where torch does not let it be written to."""
    checks = (
        "certificate", "memory", "two_backwards", "degenerate", "upstream_layouts",
        "double_backward",
    )  # fmt: skip
    report = verify(
        several.scales_its_upstream, dtypes=["float64"], checks=checks, cases=40, seed=1
    )
    (group,) = groups(report.findings)

    assert (group.first.check, group.first.quantity) == ("arguments", "G")
    rows = {row for finding in group.findings for row in rows_of(finding)}
    assert {"untouched_arguments", "two_backwards", "single_pixel", "double_backward"} <= rows
    assert "upstream_layouts" in rows
    assert {f.follows for f in group.findings if f.verdict == Verdict.RAISED} == {True}


def test_a_number_that_is_wrong_beside_a_changed_argument_is_a_fault_of_its_own() -> None:
    origin = Judgement("arguments", "G", Verdict.WRONG)
    other = Judgement("arguments", "X", Verdict.WRONG)
    written = Judgement("untouched_arguments", "G", Verdict.WRONG)
    state = Judgement("global_state", "", Verdict.WRONG, of_numbers=False)
    raised = Judgement("vmap", "Y", Verdict.RAISED, thrown=Thrown("RuntimeError", "no such device"))
    in_place = replace(
        raised, thrown=Thrown("RuntimeError", "a leaf used in an in-place operation")
    )

    assert disturbs(origin, written)
    assert disturbs(origin, Judgement("two_backwards", "dX", Verdict.WRONG))
    assert disturbs(origin, in_place)
    assert not any(disturbs(origin, judged) for judged in (origin, other, state, raised))
    assert not disturbs(other, written)
    assert not disturbs(written, Judgement("two_backwards", "dX", Verdict.WRONG))


def test_what_a_transform_raises_as_the_forward_pass_does_is_told_with_that() -> None:
    report = verify(
        several.no_tall_output, dtypes=["float64"], checks=["certificate", "hessian_vector"],
        cases=120, seed=2,
    )  # fmt: skip

    assert [group.first.verdict for group in groups(report.findings)] == [Verdict.RAISED]
    refused = [check for check in report.checks if check.unsupported]
    assert {check.reason for check in refused} == {AS_FOUND}
    assert "raises under" not in text.render(report)


def test_what_fails_over_equal_numbers_alone_is_filed_under_its_certificate() -> None:
    report = verify(
        several.equal_numbers_mixed_up, dtypes=["float64"],
        checks=["certificate", "batch_independence"], cases=60, seed=2,
    )  # fmt: skip

    assert {group.first.check for group in groups(report.findings)} == {"forward"}


def test_a_gradient_of_another_shape_is_told_with_what_torch_raises_and_nothing_is_guessed() -> (
    None
):
    checks = ["certificate", "homogeneity"]
    report = verify(several.empty_gradients, dtypes=["float64"], checks=checks, cases=60, seed=2)
    found = groups(report.findings)

    assert {(g.first.check, g.first.quantity) for g in found} == {
        ("shapes", "dX"),
        ("shapes", "dK"),
    }
    assert {r.verdict for r in report.checks if r.name == "homogeneity"} == {Verdict.RAISED}
    assert any("homogeneity" in finding.also for finding in report.findings)
    assert not any(finding.cause for finding in report.findings)


def test_what_is_not_adjoint_to_a_wrong_output_is_told_with_that() -> None:
    report = verify(
        several.one_too_much, dtypes=["float64"], checks=["certificate", "adjointness"],
        cases=60, seed=2,
    )  # fmt: skip
    (group,) = groups(report.findings)

    assert group.first.quantity == "Y"
    assert "adjointness" in group.following


@pytest.mark.slow
def test_two_reasons_to_fail_in_one_row_are_told_apart_by_quantity() -> None:
    """dX is cut at a corner, which its second order shows as well; dK's second order is lost."""
    report = verify(
        several.saves_what_it_padded,
        dtypes=["float32"],
        checks=["certificate", "double_backward", "third_order"],
        cases=60,
        seed=1,
    )
    shown = {group.first.check: group.first for group in groups(report.findings)}
    assert {*shown} == {"grad_input", "double_backward"}, str(report)
    assert "the padding in front is not cut off" in shown["grad_input"].cause
    assert shown["double_backward"].actual == "no gradient"


def test_sizes_in_a_message_tell_nothing_apart_whatever_their_signs() -> None:
    made = [Thrown("RuntimeError", f"blocks as {shape}") for shape in ("(1, 0)", "(-1, 12)")]
    assert len({thrown.alike for thrown in made}) == 1


class _Bench:
    """Asked for nothing but this: of two failures of a row on one case, Y's alone is torch's."""

    is_over = False

    settings = None

    def ask(self, *_: object) -> dict[object, object]:
        """Nothing is known of what a check hands to the target."""
        return {}

    def known(self, failure: Failure) -> Defect | None:
        name = "conv2d-onednn-bfloat16-nan-spreads-in-y"
        (defect,) = (d for d in load(SHIPPED) if d.name == name)
        return defect if failure.judgement.quantity == "Y" else None

    def may_be(self, failure: Failure) -> str:
        return ""

    def own_certificates_of(self, failure: Failure) -> list[Case]:
        return [failure.case]

    def plain_certificates_of(self, failure: Failure) -> list[Case]:
        return []

    def recast(self, case: Case, check: str) -> Case:
        return case

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        return {case: _both(case) for case in cases}


def _both(case: Case) -> list[Failure]:
    made = (Judgement("nonfinite_input", quantity, Verdict.WRONG) for quantity in ("Y", "dK"))
    return [Failure(case, judgement) for judgement in made]


def test_a_failure_beside_one_of_torchs_is_not_taken_for_it() -> None:
    failures = _both(Case.parse("nonfinite bfloat16 h3 w3 k2"))
    found, known = sorted_out(failures, cast("Bench", _Bench()))
    assert [f.judgement.quantity for f in known] == ["Y"]
    shown = {
        f.judgement.quantity: bool(kind.known) for kind, g in found.items() for f in g.failures
    }
    assert shown == {"Y": True, "dK": False}


class _OutOfTime(NothingKnown, _Bench):
    """Each case hangs, and the clock ended it after the first dtype."""

    is_over = True

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        asked = (case for case in cases if case.dtype == torch.float32)
        return {case: [_hanging(case, "forward")] for case in asked}


def _hanging(case: Case, row: str) -> Failure:
    crash = Crash("did not return within 3 s", hung=True)
    return Failure(case, Judgement(row, "Y", Verdict.CRASHED, crash=crash))


def test_a_hang_that_there_was_no_time_to_ask_again_is_filed_as_in_another_dtype() -> None:
    cases = [Case.parse(f"memory {dtype} h3 w3 k2") for dtype in ("float32", "bfloat16")]
    failures = [_hanging(case, "untouched_arguments") for case in cases]
    found, _ = sorted_out(failures, cast("Bench", _OutOfTime()))
    assert {kind.row for kind in found} == {"forward"}


@pytest.mark.parametrize("dtype", [pytest.param("bfloat16", marks=pytest.mark.slow), "float64"])
def test_too_few_bits_are_one_fault_whatever_quantities_they_show_in(dtype: str) -> None:
    """One unit in the last place too much; or a transform in float32."""

    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        if input.dtype == torch.bfloat16:
            return modes.by_fft(input.float(), weight.float()).bfloat16() * (1 + 2**-7)
        return modes.by_fft(input.float(), weight.float()).to(input.dtype)

    report = verify(convolve, dtypes=[dtype], checks=["certificate"], cases=20, seed=1)
    (only,) = groups(report.findings)
    assert {f.quantity for f in only.findings} == {"Y", "dX", "dK"}, str(report)


class _AtSettings(NothingKnown, _Bench):
    """At a setting, a case fails in its certificate, too; elsewhere nothing fails."""

    is_over = False
    asked: tuple[str, ...] = ()

    @contextmanager
    def at(self, setting: str) -> Iterator[_AtSettings]:
        there = _AtSettings()
        there.asked = (*self.asked, setting)
        yield there

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        wrong = Judgement("forward", "Y", Verdict.WRONG, explanation="is 2")
        return {case: [Failure(case, wrong)] if self.asked else [] for case in cases}


def test_what_fails_under_a_setting_is_asked_its_certificate_under_it() -> None:
    case = Case.parse("autocast float32 h3 w3 k2")
    law = Judgement("autocast", "Y", Verdict.WRONG).met_under("LEVEL=low")
    found, _ = sorted_out([Failure(case, law)], cast("Bench", _AtSettings()))
    ((kind, group),) = found.items()
    assert (kind.row, [*group.rows]) == ("forward", ["autocast"])
    assert {f.judgement.explanation for f in group.failures} == {"with LEVEL=low: is 2"}
    # Without a setting the certificate passes: the row is a fault of its own.
    found, _ = sorted_out([Failure(case, replace(law, setting=""))], cast("Bench", _AtSettings()))
    assert [kind.row for kind in found] == ["autocast"]
