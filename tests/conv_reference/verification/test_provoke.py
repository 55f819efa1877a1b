from __future__ import annotations

import pytest
import torch

from conv_reference.verification import Case, as_target
from conv_reference.verification.judge import Judgement
from conv_reference.verification.known import Defect
from conv_reference.verification.plan import Request
from conv_reference.verification.provoke import provoke, stale
from conv_reference.verification.result import Verdict
from conv_reference.verification.tally import Failure

TARGET = as_target(torch.nn.functional.conv2d)
SHOWN = "certificate float32 n1 c1 h2 w2 o1 k1x1 s2 p0 d1 g1"
CRASH = Defect(
    name="dies",
    summary="",
    link="",
    date="",
    targets=("torch",),
    verdicts=("crashed",),
    geometry="sh > 1",
    shows=(SHOWN,),
)
STRIDED = Case.parse("certificate float64 h5 w5 k1 s3")
PLAIN = Case.parse("certificate float64 h5 w5 k1")
WANTED = Request(dtypes=(torch.float32, torch.float64), seed=0, budget=1)


def test_a_known_crash_is_met_once_in_a_child_and_never_here() -> None:
    cases = (STRIDED, PLAIN)
    child = provoke(cases, [CRASH], TARGET, WANTED, isolated=True)
    assert child.cases == (Case.parse(SHOWN), PLAIN)
    assert child.notes == ("not tried: 1 cases where dies may crash",)

    here = provoke((Case.parse(SHOWN), *cases), [CRASH], TARGET, WANTED, isolated=False)
    assert here.cases == (PLAIN,)


@pytest.mark.parametrize(
    "wanted",
    [
        Request(dtypes=(torch.float64,), seed=0, budget=1),
        Request(dtypes=(torch.float32,), seed=0, budget=1, checks=("jvp",)),
    ],
    ids=["another dtype", "another check"],
)
def test_only_what_is_asked_for_is_provoked(wanted: Request) -> None:
    assert provoke((PLAIN,), [CRASH], TARGET, wanted, isolated=True).cases == (PLAIN,)


def test_a_defect_is_stale_when_the_cases_that_show_it_pass() -> None:
    shown = Case.parse(SHOWN)
    crashed = Failure(shown, Judgement("forward", "Y", Verdict.CRASHED))

    assert stale([shown], [], [CRASH]) == ("dies",)
    assert stale([shown], [crashed], [CRASH]) == ()
    assert stale([STRIDED], [], [CRASH]) == ()
