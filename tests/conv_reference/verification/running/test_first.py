"""What is told before the report: the first case that is wrong, once, and nothing that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement, Thrown
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.running.first import First

CASE = Case.parse("certificate float32 h1 w2 k1")
RIGHT = Judgement("forward", "Y", Verdict.EXACT)
WRONG = Judgement("forward", "Y", Verdict.WRONG, explanation="should be 2, is 3")
RAISED = Judgement("forward", "Y", Verdict.RAISED, thrown=Thrown("ValueError", "no\nsuch"))
ON = "in float32 on n1 c1 h1 w2 o1 k1x1 s1 p0 d1 g1"


class Log:
    """In place of a terminal."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, done: int, total: int) -> None: ...

    def at(self, stage: str) -> None: ...

    def until(self, deadline: float | None) -> None: ...

    def hear(self, said: str) -> None:
        self.heard.append(said)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ((RIGHT, WRONG), f"wrong so far: Y {ON}: should be 2, is 3; the rest is judged first"),
        ((RAISED,), f"raised so far: Y {ON}: ValueError: no such; the rest is judged first"),
        (
            Crash("killed by SIGSEGV"),
            f"crashed so far: {ON}: killed by SIGSEGV; the rest is judged first",
        ),
        (
            Crash("did not return within 3 s", hung=True),
            f"timed out so far: {ON}: did not return within 3 s; the rest is judged first",
        ),
        ((RIGHT,), ""),
        ((replace(WRONG, check="grad_input"),), ""),  # a row that is not asked for
    ],
)
def test_the_first_that_is_wrong_is_told_in_one_line(result: Any, said: str) -> None:
    log = Log()
    first = First(log, {"forward"}, ())
    first(CASE, (RIGHT,))
    first(CASE, result)
    first(CASE, (WRONG,))  # told once
    assert log.heard[:1] == [
        said or f"wrong so far: Y {ON}: should be 2, is 3; the rest is judged first"
    ]
    assert len(log.heard) == 1


def test_what_may_be_a_known_defect_is_not_told() -> None:
    defect = replace(load(SHIPPED)[0], dtypes=(), checks=(), layouts=())
    for geometry, told in (("h == 1", 0), ("h == 2", 1)):
        log = Log()
        First(log, {"forward"}, [replace(defect, geometry=geometry)])(CASE, (WRONG,))
        assert len(log.heard) == told


def negated(input: Any, weight: Any) -> Any:
    return -conv2d(input, weight)


def test_a_run_tells_it_before_its_report() -> None:
    log = Log()
    assert not verify(negated, quick=True, checks="certificate", cases=1, seed=0, progress=log)
    (said,) = log.heard
    assert said.startswith("wrong so far: Y in ")
