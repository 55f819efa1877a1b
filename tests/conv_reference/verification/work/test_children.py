from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hostile
import pytest
import torch

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Target
from conv_reference.verification.work import descent, patience
from conv_reference.verification.work.child import Child, Piece, hangs
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.here import Here
from conv_reference.verification.work.job import Job
from conv_reference.verification.work.messages import Broken
from conv_reference.verification.work.processes import FORKS

NAMES = [assault.__name__ for assault in hostile.ASSAULTS]
SETTINGS = Settings(seed=0, device="cpu")
RIGHT = Case.parse("certificate float32 n2 h2 w2 k1 nobias grad=XK")
# Right cases between the assaults: what an assault leaves behind would show in them.
CASES = [
    case
    for place in range(len(NAMES))
    for case in (
        RIGHT,
        Case.parse(f"certificate float32 h1 w{hostile.FIRST + place} k1 nobias grad="),
    )
] + [RIGHT]


@dataclass(frozen=True)
class Outcome:
    """What came of all cases, and the children that it was come by with."""

    children: Children
    target: Target
    results: dict[int, Any]

    def of(self, name: str) -> Any:
        return self.results[2 * NAMES.index(name) + 1]


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """One set of children for all: each takes seconds to start."""
    children = Children("hostile:one_after_another", count=1, limit=3.0)
    try:
        target = children.describe()
        arrived = list(children.run(judge_case, CASES, SETTINGS))
        assert len(arrived) == len(dict(arrived))  # each result comes once
        yield Outcome(children, target, dict(arrived))
    finally:
        children.close()


def test_every_case_has_its_result(outcome: Outcome) -> None:
    assert sorted(outcome.results) == list(range(len(CASES)))


def test_what_is_right_is_judged_right_whatever_came_before(outcome: Outcome) -> None:
    for place in range(0, len(CASES), 2):
        before = NAMES[place // 2 - 1]
        judgements = outcome.results[place]
        assert all(judgement.is_exact for judgement in judgements), f"after {before}"
        assert {"Y", "dX", "dK"} <= {judgement.quantity for judgement in judgements}


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("segfaults", "killed by SIGSEGV", ""),
        ("leaves", "left the process with status 3", "the device is gone"),
        ("leaves_as_if_nothing_were_wrong", "left the process with status 0", ""),
        ("hangs", "did not return within 3 s", ""),
        ("interrupts", "killed by SIGINT", "KeyboardInterrupt"),
        ("frees_what_is_not_its_own", "killed by SIGABRT", "free(): invalid pointer"),
    ],
)
def test_what_takes_its_process_along_is_named(
    outcome: Outcome, name: str, how: str, said: str
) -> None:
    crash = outcome.of(name)
    assert isinstance(crash, Crash)
    assert (crash.how, crash.said) == (how, said)


@pytest.mark.parametrize(
    ("name", "verdict", "actual"),
    [
        ("raises", Verdict.RAISED, "RuntimeError: no engine found for this problem"),
        ("raises_something_of_its_own", Verdict.RAISED, "UnpicklableError: lambda"),
        ("returns_none", Verdict.WRONG, "NoneType"),
        ("returns_a_list", Verdict.WRONG, "list"),
        ("returns_another_shape", Verdict.WRONG, "of shape (1, 1, 1, {w}, 1) and torch.float32"),
        ("returns_another_dtype", Verdict.WRONG, "of shape (1, 1, 1, {w}) and torch.float64"),
        ("returns_nan", Verdict.WRONG, "nan"),
    ],
)
def test_an_answer_that_is_none_is_judged(
    outcome: Outcome, name: str, verdict: Verdict, actual: str
) -> None:
    failed = [j for j in outcome.of(name) if not j.is_exact]
    assert [(j.quantity, j.verdict) for j in failed] == [("Y", verdict)]
    assert failed[0].actual == actual.format(w=hostile.FIRST + NAMES.index(name))


def test_to_exit_before_anything_is_computed_is_a_refusal(outcome: Outcome) -> None:
    said = {(j.verdict, j.actual) for j in outcome.of("exits")}
    assert said == {(Verdict.UNSUPPORTED, "SystemExit: 0")}


@pytest.mark.parametrize(
    "name", ["prints_megabytes", "closes_what_is_open", "changes_global_state", "warns"]
)
def test_what_harms_nobody_is_no_fault(outcome: Outcome, name: str) -> None:
    judgements = outcome.of(name)
    assert judgements
    assert all(judgement.is_exact for judgement in judgements)


def test_a_description_comes_back_that_cannot_be_called(outcome: Outcome) -> None:
    target = outcome.target
    assert (target.name, target.options) == ("hostile:one_after_another", frozenset())
    with pytest.raises(TargetError, match="cannot be called here"):
        target.prepare(RIGHT, None)  # type: ignore[arg-type]  # it is refused before they are looked at


def test_after_its_deadline_no_further_piece_is_begun(outcome: Outcome) -> None:
    assert list(outcome.children.run(judge_case, [RIGHT] * 3, SETTINGS, deadline=0.0)) == []


def rests(_: Target, item: int, __: Any) -> int:
    time.sleep(0.05)
    return item


def test_after_its_deadline_no_further_item_is_begun(outcome: Outcome) -> None:
    """Of a piece of 64, which would take more than three seconds."""
    assert dict(outcome.children.run(rests, [7], None)) == {0: 7}  # a child that is ready
    soon = time.monotonic() + 1.0  # until which a busy machine has begun the first
    reached = dict(outcome.children.run(rests, range(64), None, deadline=soon))
    assert reached == {item: item for item in range(len(reached))}
    assert 0 < len(reached) < 64


def test_a_mistake_of_the_engine_itself_is_no_verdict_and_the_rest_goes_on(
    outcome: Outcome,
) -> None:
    broken = Case.parse("no_such_check float32 h1 w1 k1")
    results = dict(outcome.children.run(judge_case, [broken, RIGHT], SETTINGS))
    missed, judged = results[0], results[1]
    assert isinstance(missed, Broken)
    assert missed.error == "KeyError: 'no_such_check'"
    assert not isinstance(judged, Crash | Broken)
    assert all(judgement.is_exact for judgement in judged)


@pytest.mark.parametrize(
    ("waited", "worked", "hanging"),
    [
        (19.0, 19.0, False),
        (21.0, 20.5, True),  # it spins
        (21.0, 0.0, True),  # it sleeps, or the system does not report it
        (30.0, 10.0, False),  # others have the processor
        (60.0, 19.0, True),
        (81.0, 9.0, True),  # no machine is that busy
    ],
)
def test_a_hang_is_told_from_a_busy_machine(waited: float, worked: float, hanging: bool) -> None:
    assert hangs(waited, worked, limit=20.0) == hanging


@pytest.mark.parametrize(
    ("waited", "worked", "hanging"), [(50.0, 50.0, False), (61.0, 60.5, True), (30.0, 0.1, True)]
)
def test_what_a_process_does_first_may_be_compiled(
    waited: float, worked: float, hanging: bool
) -> None:
    assert hangs(waited, worked, limit=20.0, first=True) == hanging


@pytest.mark.parametrize(("worked", "late"), [(30.0, False), (115.0, True), (0.0, True)])
def test_a_start_on_a_busy_machine_may_take_longer(
    worked: float, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child.__new__(Child)  # what is asked of it is the clock and the processor's alone
    process: Any = SimpleNamespace(seen=lambda: SimpleNamespace(worked=worked), pid=0)
    child.process = process
    child.begun, child._worked = time.monotonic() - 150, 0.0
    monkeypatch.setattr(descent, "descendants", lambda _: {})

    assert child.is_late(120.0) == late


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hostile:nowhere", "cannot import 'hostile:nowhere': hostile has no 'nowhere'"),
        ("leaves_at_import:convolve", "cannot import .*: left the process with status 4: goodbye"),
        (
            "kills_when_called:convolve",
            "cannot call .* on the tiny case that shows how it is called: killed by SIGKILL",
        ),
    ],
)
def test_a_target_that_cannot_be_imported_is_refused(
    name: str, message: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaves_at_import.py").write_text(
        "import os, sys\nsys.stderr.write('goodbye')\nsys.stderr.flush()\nos._exit(4)\n"
    )
    (tmp_path / "kills_when_called.py").write_text(
        "import os, signal\ndef convolve(x, w): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for full_run in (False, True):
        with (
            closing(Children(name, count=1, full_run=full_run)) as children,
            pytest.raises(TargetError, match=f"^{message}$"),
        ):
            children.describe()


@pytest.mark.skipif(not FORKS, reason="elsewhere each imports all by itself")
def test_of_a_whole_run_the_description_comes_before_the_others_can_be_there() -> None:
    with closing(Children("torch.nn.functional:conv2d", count=1, full_run=True)) as children:
        assert children.describe().name == "torch.nn.functional:conv2d"
        assert not any(child.ready for child in children._children)
        ((_, imported),) = children.run(has_imported, ["torch._dynamo"], None)
        assert imported


@pytest.mark.skipif(not FORKS, reason="elsewhere each imports all by itself")
def test_of_a_run_of_some_checks_no_child_imports_what_all_would_need() -> None:
    """A later one is forked of a process that could have imported it when it forked the first."""
    with closing(Children("torch.nn.functional:conv2d", count=1)) as children:
        ((_, first),) = children.run(has_imported, ["torch._dynamo"], None)
        with closing(children.under({})) as another:
            ((_, later),) = another.run(has_imported, ["torch._dynamo"], None)
    assert (first, later) == (False, False)


def test_in_process_the_same_results_come_in_order() -> None:
    backend = Here(as_target(hostile.returns_none))
    wrong = Case.parse("certificate float32 h1 w3 k1 nobias grad=")
    (first, judged), (second, failed) = backend.run(judge_case, [RIGHT, wrong], SETTINGS)

    assert (first, second) == (0, 1)
    assert isinstance(judged, tuple)
    assert isinstance(failed, tuple)
    assert all(judgement.is_exact for judgement in judged)
    assert [judgement.actual for judgement in failed if not judgement.is_exact] == ["NoneType"]
    assert list(backend.run(judge_case, [RIGHT], SETTINGS, deadline=0.0)) == []


def test_in_process_global_state_is_put_back() -> None:
    case = Case.parse("certificate float32 h1 w3 k1 nobias grad=")
    before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    judge_case(as_target(hostile.changes_global_state), case, SETTINGS)
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()) == before


def has_imported(_: Target, item: str, __: Any) -> bool:
    return item in sys.modules


def sleeps(_: Target, item: float, __: Any) -> float:
    time.sleep(item)
    return item


@pytest.mark.slow
def test_where_one_hung_the_next_is_waited_for_no_longer_than_the_others_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "_LEAST_LIMIT", 0.5)
    monkeypatch.setattr(patience, "_TIMES_SLOWEST", 0)
    with closing(Children("torch.nn.functional:conv2d", count=1, limit=1.0)) as children:
        results = dict(children.run(sleeps, [100.0, 0.0, 100.0], None))
    assert results == {
        0: Crash("did not return within 1 s", hung=True),
        1: 0.0,
        2: Crash("did not return within 0.5 s", hung=True),
    }


DIES_BACKWARD = """
import os, torch

class Dies(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        return torch.nn.functional.conv2d(x, w)

    @staticmethod
    def backward(ctx, g):
        os.abort()

def conv(input, weight):
    return Dies.apply(input, weight)
"""


def test_of_a_process_that_died_it_is_known_what_it_was_to_compute(tmp_path: Path) -> None:
    (tmp_path / "dies_backward.py").write_text(DIES_BACKWARD)
    with closing(Children(f"{tmp_path}/dies_backward.py:conv", count=1)) as children:
        (crash,) = dict(children.run(judge_case, [RIGHT], SETTINGS)).values()
    assert crash == Crash("killed by SIGABRT", quantity="dX dK")


HANGS_OR_DIES = """
import os, time
from conv_reference.adapters.numpy import Numpy

class Dies(Numpy):
    def conv(self, *given, **options):
        os.abort()

class Sleeps(Numpy):
    def vjp(self, *given):
        time.sleep(100)
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Dies", r"conv on n2 c3 h12 w15 o4 k5x6 .*: killed by SIGABRT"),
        ("Sleeps", r"vjp on n2 c3 h12 w15 o4 k5x6 .*: not done within 1 s"),
    ],
)
def test_of_an_adapter_that_hangs_or_dies_before_a_run_the_method_is_named(
    name: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "adapters.py"
    file.write_text(HANGS_OR_DIES)
    with (
        closing(Children(f"{file}:{name}", count=1, limit=1.0)) as children,
        pytest.raises(TargetError, match=rf"^the adapter '.*:{name}': {said}$"),
    ):
        children.describe()


COMPILED = """
from conv_reference.adapters.numpy import Numpy

class Compiled(Numpy):
    compiles_per = "shape"
"""


@pytest.mark.slow
def test_what_compiles_each_of_its_shapes_is_waited_for_longer(tmp_path: Path) -> None:
    (tmp_path / "compiled.py").write_text(COMPILED)
    with closing(Children(f"{tmp_path}/compiled.py:Compiled", count=1, limit=1.0)) as children:
        assert children.describe().compiles_each_shape
        results = dict(children.run(sleeps, [0.0, 2.0], None))
    assert results == {0: 0.0, 1: 2.0}


def test_beyond_the_deadline_only_what_may_hang_is_waited_for() -> None:
    """A slow item is left out, for nobody knows more of it; that one hangs is worth a wait."""
    children, ended = Children("nowhere:nothing"), list[float]()

    def child(waited: float) -> Any:
        piece = Piece((0,), (0,))
        return SimpleNamespace(piece=piece, waited=waited, stop=lambda: ended.append(waited))

    children._children = [child(4.0), child(6.0)]
    job = Job(lambda *_: None, None, 0.0, [])
    children._give_up_on_what_is_slow(job)
    assert ended == []  # nothing has come back yet: each may hang

    children._patience.note(None, 1.0, first=False)
    children._give_up_on_what_is_slow(job)
    assert ended == [4.0]
    assert job.arrived == []
