from __future__ import annotations

from contextlib import closing
from typing import Any

import hostile
import looks_around
import pytest

from conv_reference.verification import verify
from conv_reference.verification.audit.audit import DISAGREES, MOST, NOT_HERE, audit
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement, exact
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.here import Here

SETTINGS = Settings(seed=0, device="cpu")
RIGHT = Case.parse("certificate bfloat16 n2 c2 h3 w4 o3 k2 X=strided G=expanded nobias grad=XK")
PASSED = (exact("forward", "Y"),)


def case(columns: int) -> Case:
    return Case.parse(f"certificate float32 h1 w{columns} k1 nobias grad=XK")


TRICKED = [case(hostile.FIRST + place) for place in range(len(hostile.TRICKS))]


def audited(target: str, results: Any) -> dict[Case, tuple[Judgement, ...]]:
    with closing(Children(target, 1)) as children:
        found = audit(results, children.describe(), children.unmarked(), SETTINGS)
        assert found.notes == ()
        return dict(found.results)


@pytest.fixture(scope="module")
def tricked() -> dict[Case, tuple[Judgement, ...]]:
    """As if all had passed, by whatever trick."""
    results = [(one, PASSED) for one in (*TRICKED, RIGHT)]
    return audited("hostile:one_trick_after_another", results)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(TRICKED)), ids=[t.__name__ for t in hostile.TRICKS])
def test_whatever_makes_a_wrong_answer_look_right_is_found(
    tricked: dict[Case, tuple[Judgement, ...]], place: int
) -> None:
    judgements = tricked[TRICKED[place]]
    wrong = [j.quantity for j in judgements if j.verdict == Verdict.WRONG]
    assert wrong == ["Y", "dX", "dK"]
    assert all(j.check == "audit" and j.explanation.startswith(DISAGREES) for j in judgements)


@pytest.mark.slow
def test_what_is_right_is_right_beside_all_tricks(
    tricked: dict[Case, tuple[Judgement, ...]],
) -> None:
    assert tricked[RIGHT] == tuple(exact("audit", name) for name in ("Y", "dX", "dK"))


@pytest.mark.slow
def test_a_target_that_is_right_while_the_engine_marks_the_memory_is_wrong() -> None:
    report = verify(
        "hostile:right_while_marked",
        dtypes=["float32"],
        checks=["audit"],
        cases=100,
        isolate=True,
        workers=1,
        seed=0,
        known=None,
    )
    assert not report.passed
    (row,) = report.checks
    assert (row.name, row.verdict) == ("audit", Verdict.WRONG)
    assert {finding.quantity for finding in report.findings} >= {"Y"}
    first = report.findings[0]
    assert first.explanation.startswith(DISAGREES)
    assert "--check audit" in first.reproduce


def test_what_fails_already_or_is_large_is_not_asked_again() -> None:
    wrong = Judgement("forward", "Y", Verdict.WRONG)
    results: list[tuple[Case, Any]] = [
        (case(3), (wrong,)),
        (case(4), Crash("killed by SIGSEGV")),
        (Case.parse("certificate float32 c16 h40 w40 o16 k3"), PASSED),
        (Case.parse("vmap float32 h1 w1 k1"), PASSED),
    ]
    with closing(Children("torch.nn.functional:conv2d", 1)) as auditor:
        target = load_target("torch.nn.functional:conv2d")
        assert audit(results, target, auditor, SETTINGS).results == ()


def test_in_this_process_nothing_can_be_audited_and_it_is_said() -> None:
    target = load_target("torch.nn.functional:conv2d")
    backend: Backend = Here(target)
    found = audit([(case(3), PASSED)], target, backend.unmarked(), SETTINGS)
    assert (found.results, [str(note) for note in found.notes]) == ((), [NOT_HERE])


@pytest.mark.slow
def test_who_answers_holds_no_judge_and_no_check() -> None:
    with closing(Children("torch.nn.functional:conv2d", 1)) as children:
        auditor = children.unmarked()
        with closing(auditor):
            target = children.describe()
            results = [(case(columns), PASSED) for columns in range(1, MOST + 10)]
            found = audit(results, target, auditor, SETTINGS)
            assert len(found.results) == MOST
        with closing(children.unmarked()) as another:
            ((_, loaded),) = another.run(looks_around.held_modules, [None], None)
            assert isinstance(loaded, list)
    names = {name.removeprefix("conv_reference.verification.") for name in loaded}
    assert "audit.answer" in names
    assert not {"trial.judge", "trial.trial", "checks", "diagnosis", "runner"} & names
