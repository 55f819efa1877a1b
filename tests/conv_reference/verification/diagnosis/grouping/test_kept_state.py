"""What fails by what is kept between calls is one fault; what fails without that is another."""

from __future__ import annotations

import builtins
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from keeping import bench_of, failing

from conv_reference.verification.checks.calls_before import ORDINARY
from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.freshly_loaded import (
    is_of_what_is_kept,
    shown_at_once,
)
from conv_reference.verification.diagnosis.grouping.group import Group
from conv_reference.verification.diagnosis.grouping.kept_state import (
    KEPT,
    filed_under_what_is_kept,
    smallest_alone,
)
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.plan.possible import is_possible
from conv_reference.verification.target.loading import loaded_anew

ONE_BUFFER = """
import torch
from torch.nn.functional import conv2d as convolved

{before}
buffers = {{}}


class Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, K):
        ctx.save_for_backward(X, K)
        Y = convolved(X, K)
        out = buffers.setdefault((Y.shape, Y.dtype), torch.empty_like(Y))
        {forward}
        return out.copy_(Y).detach()

    @staticmethod
    def backward(ctx, G):
        X, K = ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(X.shape, K, G)
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G)


def conv2d(input, weight):
    return Conv.apply(input, weight)
"""
# Beside the buffer, what is not undone by it: kept where no module's state is, and a number.
LEAKS = {"before": "held = torch.__dict__.setdefault('held', [])", "forward": "held.append(X)"}
PLAIN = {"before": "", "forward": ""}
CASES = (
    "memory float64 h2 w3 k2",
    "released_memory float64 h2 w3 k2",
    "additivity float64 h2 w3 k2",
)


def told(tmp_path: Path, source: str, texts: tuple[str, ...]) -> dict[str, tuple[int, bool]]:
    """Of each row and quantity that fails its fault, and whether it is said to be kept."""
    bench = bench_of(tmp_path, source)
    groups = failing(bench, texts)
    faults = filed_under_what_is_kept([Fault([kind]) for kind in groups], groups, bench)
    return {
        f"{kind.row} {kind.quantity}": (number, fault.cause == KEPT)
        for number, fault in enumerate(faults, start=1)
        for kind in (*fault.kinds, *fault.following)
    }


@pytest.mark.slow
def test_a_buffer_that_is_handed_out_again_is_one_fault_whatever_shows_it(tmp_path: Path) -> None:
    found = told(tmp_path, ONE_BUFFER.format(**PLAIN), CASES)
    rows = {name.split()[0] for name in found}
    assert {"kept_results", "output_memory", "released_memory", "additivity"} <= rows
    assert {fault for fault, _ in found.values()} == {1}
    assert all(said for _, said in found.values())


CACHE = """
import torch
from torch.nn.functional import conv2d as convolved
answers = {{}}


class Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, K):
        ctx.save_for_backward(X, K)
        return answers.setdefault({key}, convolved(X, K)).clone()

    @staticmethod
    def backward(ctx, G):
        X, K = ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(X.shape, K, G)
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G)


def conv2d(input, weight):
    return Conv.apply(input, weight)
"""
BY_SHAPE = CACHE.format(key="(X.shape, X.dtype)")
CERTIFICATE = "certificate float64 h2 w3 k2 nobias values=ones"


def test_an_answer_that_is_kept_is_shown_by_a_case_that_shows_it_by_itself(tmp_path: Path) -> None:
    """The certificate does so after another alone: of that nobody sees anything again."""
    bench = bench_of(tmp_path, BY_SHAPE)
    groups = failing(bench, ("certificate float64 h2 w3 k2 nobias", CERTIFICATE))
    (kind,) = groups
    groups[kind].places["fresh_values", "float64"] = None
    (fault,) = filed_under_what_is_kept([Fault([kind])], groups, bench)
    assert (fault.cause, fault.following) == (KEPT, [kind])
    (shown,) = fault.kinds
    assert shown.row == "calls_before"  # after an ordinary call, which is plainer
    said = groups[shown].failures[0].judgement.explanation
    assert said.startswith("after a call on other numbers of the same shapes: ")
    smallest = smallest_alone(groups[shown].failures[0], bench, None)
    assert (smallest.case.geometry.input_size, smallest.case.values) == ((1, 1), Values.ONES)
    question = smallest.case, smallest.judgement.check
    assert shown_at_once(bench.target, question, bench.settings)


SQUARE = BY_SHAPE.replace("(input, weight):", "(input, weight, stride=1):").replace(
    "return Conv.apply(input, weight)",
    "Y = (Conv.apply if stride > 1 else convolved)(input, weight)\n"
    "    return Y[..., ::+stride, ::+stride]",
)


def test_the_smallest_case_is_one_that_the_target_can_be_asked(tmp_path: Path) -> None:
    """A stride of one integer for both axes is not made another on one of them."""
    bench = bench_of(tmp_path, SQUARE)
    assert "stride" in bench.target.integers
    case = bench.target.restrict(Case.parse("fresh_values float64 h5 w5 k2 s2 nobias"))
    (group,) = failing(bench, (str(case),)).values()
    smallest = smallest_alone(group.failures[0], bench, None)
    assert is_possible(bench.target, smallest.case)
    assert smallest.case.geometry.stride == (2, 2)


def test_what_a_target_keeps_is_seen_where_its_own_answer_came_first(tmp_path: Path) -> None:
    """Asked again and again, a case has the answer that was kept of itself, which is right."""
    target, settings = bench_of(tmp_path, BY_SHAPE).target, Settings(seed=1, device="cpu")
    case = Case.parse(CERTIFICATE)
    assert not any(j.verdict in FOUND for j in judge_case(target, case, settings))
    assert is_of_what_is_kept(target, (case, "forward"), settings)


def test_of_a_module_that_is_loaded_anew_nothing_is_tried(tmp_path: Path) -> None:
    """How it is called is known: to find that out for each call took longer than all else."""
    counting = BY_SHAPE.replace(
        "ctx.save_for", "import builtins; builtins.asked += 1; ctx.save_for"
    )
    builtins.asked = 0  # type: ignore[attr-defined]  # counted there, whichever module it is
    try:
        target = bench_of(tmp_path, counting).target
        builtins.asked = 0  # type: ignore[attr-defined]  # see above
        assert loaded_anew(target).options == target.options
        assert builtins.asked == 0  # type: ignore[attr-defined]  # see above
    finally:
        del builtins.asked  # type: ignore[attr-defined]  # see above


def test_what_is_kept_elsewhere_too_is_another_fault(tmp_path: Path) -> None:
    found = told(tmp_path, ONE_BUFFER.format(**LEAKS), CASES)
    assert found["released_memory X"][0] > 1
    assert not found["released_memory X"][1]
    assert found["additivity Y"][0] == 1


def test_a_number_that_is_wrong_in_every_call_is_another_fault(tmp_path: Path) -> None:
    source = ONE_BUFFER.format(before="", forward="Y = Y + (X.shape[0] > 1)")
    found = told(tmp_path, source, ("certificate float64 n2 h2 w3 k2 nobias", *CASES))
    assert found["forward Y"] == (1, False)
    assert {fault for name, (fault, _) in found.items() if name != "forward Y"} == {2}


# A layer keeps its columns, and takes them again for any image of that shape.
LAYER = """
import torch
from torch import nn
from torch.nn.functional import unfold


class Kept(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, *kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.columns = self.shape = None

    def forward(self, X):
        if self.shape != X.shape:
            self.columns, self.shape = unfold(X, self.weight.shape[2:]), X.shape
        Y = self.weight.flatten(1) @ self.columns + self.bias[:, None]
        oh, ow = (size - k + 1 for size, k in zip(X.shape[2:], self.weight.shape[2:]))
        {further}
        return Y.view(len(X), len(self.weight), oh, ow)


conv2d = Kept
"""
OF_A_LAYER = (
    "updated_arguments float64 h2 w3 k1", "released_memory float64 h2 w3 k1 grad=XK",
    "open_graphs float64 h2 w3 k1 grad=XK", "calls_before float64 h2 w3 k1 grad=XK",
)  # fmt: skip


def test_what_a_layer_keeps_is_one_fault_whatever_shows_it(tmp_path: Path) -> None:
    """Under a transform, and in inference mode, what it keeps of a call raises, too."""
    bench = bench_of(tmp_path, LAYER.format(further=""))
    groups = failing(bench, OF_A_LAYER)
    assert {kind.verdict for kind in groups} == {Verdict.WRONG, Verdict.RAISED}
    faults = [Fault([kind]) for kind in groups]
    (fault,) = filed_under_what_is_kept(faults, groups, bench, {"calls_before": []})
    assert fault.cause == KEPT
    assert {kind.verdict for kind in fault.kinds} == {Verdict.WRONG, Verdict.RAISED}
    shown = groups[fault.kinds[0]].failures[0].judgement
    assert (shown.quantity, shown.before) == ("Y", [*ORDINARY][1])  # of another call there is one

    met = [failure for group in groups.values() for failure in group.failures]
    diagnosis = Diagnosis(met, {}, replace(bench, deadline=-math.inf), in_process=False)
    told = [found for _, found in diagnosis.of_kept(1, fault, groups) if not found.follows]
    (raised,) = (found for found in told if found.verdict == Verdict.RAISED)
    own = {f.case for f in met if f.judgement.verdict == Verdict.RAISED}
    assert raised.occurrences == len(own) < len({f.case for f in met})
    assert raised.cases == told[0].cases  # it adds none
    narrow = replace(next(kind for kind in fault.kinds if kind.thrown), dtype="float32")
    of_it = [Failure(replace(c, dtype=torch.float32), met[0].judgement) for c in own]
    groups[narrow] = Group(of_it)
    apart = Fault([fault.kinds[0], narrow], fault.following, KEPT)
    ((_, first), (_, other), *_) = diagnosis.of_kept(1, apart, groups)
    assert (other.dtype, other.occurrences) == ("float32", len(own))
    assert other.cases == first.cases  # where it only raises, the first counts its cases


def test_what_a_layer_does_in_every_call_is_another_fault(tmp_path: Path) -> None:
    source = LAYER.format(further="Y = Y + (len(X) > 1)")
    found = told(tmp_path, source, ("certificate float64 n2 h2 w3 k1 grad=", *OF_A_LAYER[:2]))
    assert found.pop("forward Y") == (1, False)
    assert {*found.values()} == {(2, True)}


def test_what_is_only_refused_where_nothing_is_kept_is_not_said_to_be_kept(tmp_path: Path) -> None:
    """Its module can be executed once more, and then answers nothing."""
    again = """
import builtins
builtins.conv_reference_loaded = getattr(builtins, "conv_reference_loaded", 0) + 1
first = builtins.conv_reference_loaded == 1
"""
    forward = "if not first: raise NotImplementedError('no second time')"
    source = ONE_BUFFER.format(before=again, forward=forward)
    try:
        found = told(tmp_path, source, CASES)
    finally:
        del builtins.conv_reference_loaded  # type: ignore[attr-defined]  # see above
    assert len({fault for fault, _ in found.values()}) > 1
    assert not any(said for _, said in found.values())


BORDERED = """
import torch
from torch.nn.functional import conv2d as convolved

kept = {}


def conv2d(input, weight):
    image = kept.setdefault((input.shape, input.dtype), torch.empty_like(input))
    image = image.detach()
    image.copy_(input)
    return convolved(image, weight)
"""


def test_of_what_raises_the_plainest_calls_are_shown_and_none_in_a_mode(tmp_path: Path) -> None:
    """An image that the next call overwrites: two calls, then both backward passes."""
    bench = bench_of(tmp_path, BORDERED)
    texts = ("calls_before float64 h2 w3 k2 nobias", "open_graphs float64 n2 h2 w3 k2 nobias")
    groups = failing(bench, texts)
    faults = [Fault([kind]) for kind in groups if kind.verdict == Verdict.RAISED]
    assert len(faults) > 1
    first, *_ = filed_under_what_is_kept(faults, groups, bench)
    shown = groups[first.kinds[0]].failures[0].judgement
    assert (first.cause, shown.check) == (KEPT, "open_graphs")
    assert "modified by an inplace operation" in shown.explanation
