"""What is not said of a failure: for want of time, or for it was met by chance."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import faulty
import modes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify
from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.diagnosis.grouping.faults import faults_of
from conv_reference.verification.diagnosis.grouping.follows import CHANGED
from conv_reference.verification.diagnosis.grouping.origins import sorted_out
from conv_reference.verification.diagnosis.kinds import place_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.judgement import (
    NO_GRADIENT,
    Crash,
    Failure,
    Judgement,
    Thrown,
)
from conv_reference.verification.options import clock
from conv_reference.verification.report.groups import groups, references
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.here import Here

WRONG = Verdict.WRONG


@pytest.mark.parametrize(
    ("row", "verdict", "said"),
    [("forward", Verdict.WRONG, True), ("refusals", Verdict.PERMISSIVE, False)],
)
def test_what_has_no_size_is_not_said_to_be_left_large(
    row: str, verdict: Verdict, *, said: bool
) -> None:
    target = load_target("faulty:flipped_kernel")
    bench = Bench(target, Here(target), Settings(seed=0, device="cpu"), (), (), -math.inf)
    check = "certificate" if row == "forward" else row
    failure = Failure(Case.parse(f"{check} float64 h4 w5 k2x3"), Judgement(row, "Y", verdict))
    (finding,) = Diagnosis([failure], {}, bench, in_process=False).gathered().findings
    assert ("was not made smaller" in finding.circumstances) == said


LOOKS_ALIKE = Defect(
    name="flipped",
    summary="The kernel is flipped.",
    link="docs/found/flipped.md",
    date="2026-11-26",
    targets=("torch.nn.functional:conv2d",),
    quantities=("Y",),
)


@pytest.mark.parametrize(("seconds", "said"), [(-math.inf, True), (math.inf, False)])
def test_what_looks_like_a_known_defect_of_torchs_says_so_where_that_was_not_asked(
    seconds: float, *, said: bool
) -> None:
    """An interrupted run asks nothing more, and tells every failure as the target's."""
    target = load_target("faulty:flipped_kernel")
    place, settings = Here(target), Settings(seed=0, device="cpu")
    bench = Bench(target, place, settings, (), (LOOKS_ALIKE,), seconds)
    case = Case.parse("certificate float64 h4 w5 k2x3 grad= nobias")
    failures = [Failure(case, Judgement("forward", "Y", Verdict.WRONG))]
    (finding,) = Diagnosis(failures, {}, bench, in_process=False).gathered().findings
    assert finding.known is None
    words = "looks like torch's known defect flipped; whether it is that was not asked, for want of"
    assert (words in finding.circumstances) == said


@pytest.mark.parametrize(("wrong_in", "said"), [("threads", False), ("certificate", True)])
def test_no_condition_is_said_of_calls_at_once_which_meet_by_chance(
    wrong_in: str, *, said: bool
) -> None:
    def shared(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        meets = threading.current_thread() is not threading.main_thread()
        wrong = len(input) > 1 and (meets or wrong_in != "threads")
        return conv2d(input, weight, None, stride) * (2 if wrong else 1)

    report = verify(shared, case=f"{wrong_in} float64 n3 c2 h4 w5 o2 k2 grad=XK nobias", seed=1)
    finding, *_ = report.findings
    assert ("it fails where n ≥ 2" in finding.circumstances) == said


def without_tangent(input: Tensor, weight: Tensor) -> Any:
    return modes.ForgetsWeightTangent.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's


@pytest.mark.parametrize("target", [faulty.lost_bias_gradient, without_tangent])
def test_a_fault_that_nobody_has_time_to_take_apart_is_not_as_many_findings_as_rows_that_show_it(
    target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "taking_apart", lambda *_, **__: 0.0)
    checks = ["certificate", "jvp", "dual_numbers", "jacfwd", "forward_over_reverse", "degenerate"]
    report = verify(target, dtypes=["float64"], checks=checks, cases=20, budget=30, seed=1)
    failing = {check.name for check in report.checks if check.verdict == Verdict.WRONG}
    (group,) = groups(report.findings)
    assert len(failing) >= 3
    assert failing <= {*group.every_row, *group.every_following}
    assert "from it was not asked, for want of time" in group.first.circumstances


def test_what_may_be_torchs_stays_apart_of_what_is_wrong_otherwise_though_time_is_left_later() -> (
    None
):
    """Sorting has a share of the time: what was not asked within it is said to be so."""
    target = load_target("faulty:flipped_kernel")
    looks_alike = replace(LOOKS_ALIKE, dtypes=("bfloat16",))
    settings = Settings(seed=0, device="cpu")
    bench = Bench(target, Here(target), settings, (), (looks_alike,), -math.inf)
    failures = [
        Failure(
            Case.parse(f"certificate {dtype} h4 w5 k2x3 grad= nobias"),
            Judgement("forward", "Y", Verdict.WRONG),
        )
        for dtype in ("float64", "bfloat16")
    ]
    kinds, _ = sorted_out(failures, bench)
    assert [kind.perhaps for kind in kinds] == ["", "flipped"]
    own, torchs = faults_of(kinds, replace(bench, deadline=math.inf))
    assert [kind.dtype for kind in (*own.kinds, *torchs.kinds)] == ["float64", "bfloat16"]
    found = Diagnosis(failures, {}, bench, in_process=False).gathered().findings
    assert ["looks like torch's known" in f.circumstances for f in found] == [False, True]


@st.composite
def failing(draw: st.DrawFn) -> Failure:
    """Any row that fails, whoever would fail in it."""
    row, check = draw(st.sampled_from([(row, c) for c in all_checks().values() for row in c.rows]))
    dtypes = [name for name, dtype in DTYPES.items() if check.applies(dtype)]
    verdict = draw(st.sampled_from([Verdict.WRONG, Verdict.RAISED, Verdict.CRASHED]))
    said = draw(st.sampled_from(["no room for 3", "no room for 4", "no such mode"]))
    about = ["X", "K"] if row.name == CHANGED else ["Y", "dX", "dK", "db"]
    judgement = Judgement(
        row.name,
        draw(st.sampled_from(about)),
        verdict,
        expected=draw(st.sampled_from(["8", "a gradient"])),
        actual=draw(st.sampled_from(["7.9", "4", NO_GRADIENT])),
        explanation=said,
        of_numbers=draw(st.booleans()),
        thrown=Thrown("ValueError", said, "conv.py:3") if verdict == Verdict.RAISED else None,
        crash=Crash("killed by SIGSEGV") if verdict == Verdict.CRASHED else None,
    )
    batch = draw(st.integers(0, 2))
    case = f"{check.name} {draw(st.sampled_from(dtypes))} n{batch} h4 w5 k2x3 grad=XK nobias"
    return Failure(Case.parse(case), judgement)


@given(failures=st.lists(failing(), min_size=1, max_size=12, unique_by=str))
def test_each_cell_of_the_table_that_fails_belongs_to_a_finding(failures: list[Failure]) -> None:
    """Without time to try anything: what follows is filed by what it says, in any dtype."""
    target = load_target("torch.nn.functional:conv2d")
    bench = Bench(target, Here(target), Settings(seed=0, device="cpu"), (), (), -math.inf)
    found = Diagnosis(failures, {}, bench, in_process=False).gathered().findings
    assert {*map(place_of, failures)} <= references(found).keys()


def test_a_cell_belongs_to_the_finding_of_another_dtype_from_which_it_follows() -> None:
    """A sum in bfloat16 may be right by chance where the same in float32 is wrong."""
    first = Failure(Case.parse("certificate float32 h4 w5 k2"), Judgement("forward", "Y", WRONG))
    later = Failure(Case.parse("jvp bfloat16 h4 w5 k2"), Judgement("jvp", "Y", WRONG))
    target = load_target("faulty:flipped_kernel")
    bench = Bench(target, Here(target), Settings(seed=0, device="cpu"), (), (), -math.inf)
    (finding,) = Diagnosis([first, later], {}, bench, in_process=False).gathered().findings
    assert (finding.dtype, finding.also) == ("float32", ())
    assert finding.elsewhere == (("jvp", "bfloat16"),)
    assert references([finding]) == {("forward", "float32"): (1,), ("jvp", "bfloat16"): (1,)}
    (group,) = groups([finding])
    assert group.likewise == ("bfloat16, by what follows from it alone",)
    assert group.every_following == ("jvp",)
