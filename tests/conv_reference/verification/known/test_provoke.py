from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d

from conv_reference.layer import ConvLayer_1
from conv_reference.verification.known.known import Defect
from conv_reference.verification.known.provoke import provoke, stale
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target

SHOWN = Case.parse("certificate float32 n2 c1 h1 w1 o1 k1x1 s1 p0 d1 g1")
OTHER = Case.parse("certificate float32 n2 c1 h2 w2 o1 k1x1 s1 p0 d1 g1")
ELSEWHERE = Case.parse("certificate float32 n1 c1 h2 w2 o1 k1x1 s1 p0 d1 g1")
WRONG = Defect(
    name="two samples",
    summary="Y is wrong.",
    link="docs/found/a.md",
    date="2026-11-24",
    targets=("",),
    geometry="n == 2",
    verdicts=("wrong",),
    shows=(str(SHOWN),),
)
CRASH = replace(WRONG, verdicts=("crashed",))
TARGET = as_target(conv2d)
WANTED = Request((torch.float32,), seed=0, budget=1.0)
PLANNED = (ELSEWHERE, OTHER)


def test_what_shows_a_defect_is_tried_first_and_nothing_is_left_out() -> None:
    for isolated in (True, False):
        provoked = provoke(PLANNED, [WRONG], TARGET, WANTED, isolated=isolated)
        assert (provoked.cases, provoked.notes) == ((SHOWN, ELSEWHERE, OTHER), ())


def test_a_known_crash_is_met_once_by_the_case_that_shows_it() -> None:
    provoked = provoke(PLANNED, [CRASH], TARGET, WANTED, isolated=True)
    assert provoked.cases == (ELSEWHERE, SHOWN)  # last: no new process is needed for others
    assert tuple(map(str, provoked.notes)) == (
        "not tried: 1 case where two samples may crash, a known defect (docs/found/a.md)",
    )


def test_in_the_callers_own_process_a_known_crash_is_never_met() -> None:
    provoked = provoke((SHOWN, *PLANNED), [CRASH], TARGET, WANTED, isolated=False)
    assert provoked.cases == (ELSEWHERE,)
    assert tuple(map(str, provoked.notes)) == (
        "not tried: 2 cases where two samples may crash, a known defect (docs/found/a.md)",
    )


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, dtypes=(torch.float64,)),
        replace(WANTED, checks=("vmap",)),
    ],
    ids=["another dtype", "another check"],
)
def test_only_what_is_asked_for_is_provoked(wanted: Request) -> None:
    assert provoke(PLANNED, [WRONG], TARGET, wanted, isolated=True).cases == PLANNED


def test_a_row_asks_for_its_check() -> None:
    wanted = replace(WANTED, checks=("grad_input",))
    assert provoke((), [WRONG], TARGET, wanted, isolated=True).cases == (SHOWN,)


def test_a_target_that_cannot_be_asked_for_the_case_is_not() -> None:
    lacking = as_target(ConvLayer_1)
    assert provoke((), [WRONG], lacking, WANTED, isolated=True).cases == ()


def test_a_defect_is_stale_when_its_cases_were_judged_and_none_showed_it() -> None:
    shown = Failure(SHOWN, Judgement("forward", "Y", Verdict.WRONG))

    assert stale([SHOWN, OTHER], [], [WRONG]) == ("two samples",)
    assert stale([SHOWN, OTHER], [shown], [WRONG]) == ()
    assert stale([OTHER], [], [WRONG]) == ()
    assert stale([SHOWN], [], [replace(WRONG, shows=())]) == ()
