"""What comes out right alone, in a new process, is one fault and says so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.crashes import crashed
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.diagnosis.grouping.alone import ALONE, asked_alone, judge_by_itself
from conv_reference.verification.diagnosis.grouping.kept_state import KEPT
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Failure, Judgement, Thrown, exact
from conv_reference.verification.model.result import Finding, Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.suspects import ALONE_RIGHT

WRONG = Judgement("forward", "Y", Verdict.WRONG)
RAISED = Judgement("forward", "Y", Verdict.RAISED)
TARGET = as_target(conv2d, name="torch.nn.functional:conv2d")


class Fresh:
    """In place of a new process: there some cases fail again."""

    is_here = False

    def __init__(self, failing: set[int]) -> None:
        self.failing = failing  # heights

    def another(self) -> Fresh:
        return self

    def run(self, _: Any, cases: Sequence[Case], *__: Any, **___: Any) -> Iterator[Any]:
        for number, case in enumerate(cases):
            fails = case.geometry.input_size[0] in self.failing
            yield number, [WRONG if fails else exact("forward", "Y")]

    def close(self) -> None:
        """Nothing was opened."""


def found(
    bench: Bench, faults: Sequence[int], raised: Set[int] = frozenset()
) -> list[tuple[Failure, Finding]]:
    """One of each fault, on an image of as many rows as it has findings before it, and one."""
    pairs = []
    for height, fault in enumerate(faults, start=1):
        judgement = RAISED if fault in raised else WRONG
        failure = Failure(Case.parse(f"certificate float64 h{height} w1 k1 nobias"), judgement)
        finding = finding_of(failure, Explanation(), bench, known="", in_process=False)
        pairs.append((failure, replace(finding, fault=fault)))
    return pairs


def told(
    failing: set[int], faults: Sequence[int], raised: Set[int] = frozenset()
) -> list[tuple[int, bool]]:
    """Of each finding its fault, and whether it is said to come out right alone."""
    backend: Any = Fresh(failing)
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    findings = asked_alone(found(bench, faults, raised), bench)
    return [(finding.fault, finding.cause == ALONE) for finding in findings]


def test_all_that_comes_out_right_alone_is_one_fault() -> None:
    assert told(set(), [1, 2, 3]) == [(1, True), (1, True), (1, True)]
    assert told({1}, [1, 2, 3]) == [(1, False), (2, True), (2, True)]


def test_what_raises_is_not_filed_under_what_is_silently_wrong_nor_that_under_it() -> None:
    assert told(set(), [1, 2, 3, 4], raised={1, 4}) == [(1, True), (2, True), (2, True), (1, True)]
    assert told(set(), [1, 2, 3], raised={2}) == [(1, True), (2, True), (1, True)]


def test_a_fault_of_which_anything_shows_again_stays_its_own() -> None:
    """And that comes first."""
    assert told({3}, [1, 2, 2, 3]) == [(1, True), (2, False), (2, True), (1, True)]
    assert told({1, 2, 3}, [1, 2, 3]) == [(1, False), (2, False), (3, False)]


def test_what_comes_out_right_alone_is_seen_again_by_the_whole_run() -> None:
    backend: Any = Fresh({2})
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    kept, again = asked_alone(found(bench, [1, 2]), bench)
    assert kept.reproduce == "conv-reference verify torch.nn.functional:conv2d --seed 1"
    assert "--case" in again.reproduce


def test_a_crash_that_does_not_show_alone_says_so_once() -> None:
    backend: Any = Fresh(set())
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    crash = Crash("killed by SIGSEGV", again=ALONE_RIGHT)
    case = Case.parse("certificate float64 h1 w1 k1 nobias")
    failure = Failure(case, crashed(all_checks()["certificate"], case, crash))
    finding = finding_of(failure, Explanation(), bench, known="", in_process=False)
    assert ALONE_RIGHT in finding.explanation
    (told,) = asked_alone([(failure, finding)], bench)
    assert (told.explanation, told.cause) == ("killed by SIGSEGV", ALONE)


@pytest.mark.parametrize(("failing", "fault"), [(set[int](), 1), ({1}, 2)])
def test_an_audit_that_disagrees_follows_from_what_does_not_show_alone(
    failing: set[int], fault: int
) -> None:
    """Where everything shows again alone, it is a fault of its own."""
    backend: Any = Fresh(failing)
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    (failure, kept), (_, other) = found(bench, [1, 2])
    audited = replace(failure, judgement=replace(WRONG, check="audit"))
    findings = asked_alone([(failure, kept), (audited, replace(other, check="audit"))], bench)
    assert [finding.fault for finding in findings] == [1, fault]


def test_every_fault_is_asked_before_further_findings_of_one() -> None:
    """A fault of many dtypes and quantities leaves none of the others unasked."""
    faults = [1] * 30 + [2, 3]
    assert [said for _, said in told(set(), faults)][-2:] == [True, True]
    assert told({31}, faults)[-2:] == [(2, False), (1, True)]


@pytest.mark.parametrize(("raised", "faults"), [({2}, [1, 2]), ({1, 2}, [1, 1]), ({1}, [1, 2])])
def test_of_what_is_kept_only_what_fails_alike_takes_it_in(
    raised: set[int], faults: list[int]
) -> None:
    """A raise that shows by itself is not what makes other numbers wrong."""
    backend: Any = Fresh({2})
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    first, (failure, kept) = found(bench, [1, 2], raised)
    findings = asked_alone([first, (failure, replace(kept, cause=KEPT))], bench)
    assert [finding.fault for finding in findings] == faults


def test_what_torch_raises_of_an_answer_of_another_shape_is_of_what_is_silently_wrong() -> None:
    """Stale windows gave Y another shape, and that was laid at a tensor of inference mode."""
    backend: Any = Fresh({1, 2})
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    pairs = found(bench, [1, 2, 3], raised={2, 3})
    pairs[:2] = [(failure, replace(each, cause=KEPT)) for failure, each in pairs[:2]]
    assert [finding.fault for finding in asked_alone(pairs, bench)] == [1, 2, 2]

    said = "Mismatch in shape: grad_output[0] has a shape of torch.Size([1, 1])"
    (failure, finding) = pairs[2]
    thrown = replace(failure.judgement, thrown=Thrown("RuntimeError", said))
    pairs[2] = (replace(failure, judgement=thrown), finding)
    assert [finding.fault for finding in asked_alone(pairs, bench)] == [1, 2, 1]


STALE = """
calls = []


def conv2d(input, weight):
    calls.append(input)
    return torch.nn.functional.conv2d(input, weight) + (len(calls) > {right})
"""


def test_each_is_asked_alone_and_not_after_the_others(tmp_path: Path) -> None:
    """What one case leaves behind in the new process would make the next wrong there, too."""
    file = tmp_path / "stale_by_a_user.py"
    file.write_text("import torch\n" + STALE.format(right=4))
    target = load_target(f"{file}:conv2d")
    case = Case.parse("certificate float64 h2 w2 k1 nobias grad=")
    settings = Settings(seed=1, device="cpu")
    judged = [judge_by_itself(target, case, settings) for _ in range(6)]
    assert all(each.is_exact for those in judged for each in those)
    assert not all(each.is_exact for _ in range(6) for each in judge_case(target, case, settings))


def test_what_does_not_show_alone_is_of_what_is_kept_where_anything_is() -> None:
    """Threads that meet in it, say. What shows alone is reported first, and keeps its cause."""
    backend: Any = Fresh({2})
    bench = Bench(TARGET, backend, Settings(seed=1, device="cpu"), (), (), math.inf)
    (one, first), (two, second), (three, third) = found(bench, [1, 2, 2])
    pairs = [(one, first), (two, replace(second, cause=KEPT)), (three, replace(third, cause=KEPT))]
    findings = asked_alone(pairs, bench)
    assert [finding.fault for finding in findings] == [1, 1, 1]
    assert [finding.cause for finding in findings] == [KEPT, KEPT, ALONE]
    assert "h2" in findings[0].case
