from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
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
    quantities=("Y",),
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
        assert (provoked.cases, provoked.spared) == ((SHOWN, ELSEWHERE, OTHER), ())


def test_a_known_crash_is_met_once_by_the_case_that_shows_it() -> None:
    provoked = provoke(PLANNED, [CRASH], TARGET, WANTED, isolated=True)
    assert provoked.cases == (ELSEWHERE, SHOWN)  # last: no new process is needed for others
    assert provoked.spared == ((CRASH, OTHER),)


def test_a_case_whose_check_calls_on_wider_images_is_spared_where_those_would_crash() -> None:
    wide = replace(CRASH, geometry="w > 20 and w % 2 == 0", shows=(), harmless_at="AVX")
    after = replace(OTHER, check="calls_before")
    provoked = provoke((OTHER, after), [wide], TARGET, WANTED, isolated=True)
    assert provoked.cases == (OTHER,)
    assert provoked.spared == ((wide, after),)
    nowhere = replace(wide, harmless_at="")  # then it would be put nowhere
    assert not provoke((after,), [nowhere], TARGET, WANTED, isolated=True).spared


def test_in_the_callers_own_process_a_known_crash_is_never_met() -> None:
    provoked = provoke((SHOWN, *PLANNED), [CRASH], TARGET, WANTED, isolated=False)
    assert provoked.cases == (ELSEWHERE,)
    assert provoked.spared == ((CRASH, SHOWN), (CRASH, OTHER))


@pytest.mark.parametrize(
    ("wanted", "defect"),
    [
        (replace(WANTED, dtypes=(torch.float64,)), replace(WRONG, dtypes=("float32",))),
        (replace(WANTED, checks=("vmap",)), WRONG),
    ],
    ids=["another dtype", "another check"],
)
def test_only_what_is_asked_for_is_provoked(wanted: Request, defect: Defect) -> None:
    assert provoke(PLANNED, [defect], TARGET, wanted, isolated=True).cases == PLANNED


@pytest.mark.parametrize("defect", [WRONG, CRASH], ids=["wrong", "crash"])
def test_a_defect_is_shown_in_a_dtype_of_the_run(defect: Defect) -> None:
    defect = replace(defect, dtypes=("float32", "bfloat16"))

    def shown(*dtypes: torch.dtype) -> tuple[Case, ...]:
        return provoke((), [defect], TARGET, replace(WANTED, dtypes=dtypes), isolated=True).cases

    assert shown(torch.float32) == (SHOWN,)
    assert shown(torch.bfloat16) == (replace(SHOWN, dtype=torch.bfloat16),)
    assert shown(torch.bfloat16, torch.float32) == (SHOWN,)  # as it was seen: once is enough
    assert shown(torch.float64) == ()  # where nobody saw it


def test_a_case_that_a_dtype_cannot_hold_is_put_into_another() -> None:
    long = replace(SHOWN, geometry=Geometry.parse("n2 c300 h1 w1 o1 k1x1"))
    defect = replace(WRONG, shows=(str(long),))
    wanted = replace(WANTED, dtypes=(torch.bfloat16, torch.float64))

    provoked = provoke((), [defect], TARGET, wanted, isolated=True)
    assert provoked.cases == (replace(long, dtype=torch.float64),)


def test_sparse_values_fit_into_every_dtype() -> None:
    long = Case.parse("certificate float32 n2 c300 h1 w1 o1 k1x1 values=sparse")
    wanted = replace(WANTED, dtypes=(torch.bfloat16,))

    provoked = provoke((), [replace(WRONG, shows=(str(long),))], TARGET, wanted, isolated=True)
    assert provoked.cases == (replace(long, dtype=torch.bfloat16),)


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
