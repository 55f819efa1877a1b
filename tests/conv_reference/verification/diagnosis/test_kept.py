"""What fails by what is kept between calls is one fault; what fails without that is another."""

from __future__ import annotations

import builtins
import math
from dataclasses import replace
from pathlib import Path

import pytest

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explain import Explanation
from conv_reference.verification.diagnosis.kept import KEPT, filed_under_what_is_kept
from conv_reference.verification.diagnosis.wording import finding_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.target.loading import load, load_anew, load_target
from conv_reference.verification.work.here import Here

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
    file = tmp_path / "kept_by_a_user.py"
    file.write_text(source)
    target = load_target(f"{file}:conv2d")
    settings = Settings(seed=1, device="cpu")
    bench = Bench(target, Here(target), settings, (), (), math.inf)
    failures = [
        failure
        for text in texts
        for failure in bench.failures_on([target.restrict(Case.parse(text))]).popitem()[1]
    ]
    found = [
        (
            failure,
            replace(
                finding_of(failure, Explanation(), bench, known="", in_process=True), fault=number
            ),
        )
        for number, failure in enumerate(failures, start=1)
        if failure.judgement.verdict in FOUND
    ]
    shown: dict[str, tuple[int, bool]] = {}
    for _, finding in filed_under_what_is_kept(found, bench):
        name = f"{finding.check} {finding.quantity}"
        shown.setdefault(name, (finding.fault, finding.cause == KEPT))
    return shown


def test_a_buffer_that_is_handed_out_again_is_one_fault_whatever_shows_it(tmp_path: Path) -> None:
    found = told(tmp_path, ONE_BUFFER.format(**PLAIN), CASES)
    rows = {name.split()[0] for name in found}
    assert {"kept_results", "output_memory", "released_memory", "additivity"} <= rows
    assert {fault for fault, _ in found.values()} == {1}
    assert any(said for _, said in found.values())


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


def test_a_module_is_executed_once_more_and_the_first_stays(tmp_path: Path) -> None:
    file = tmp_path / "counts.py"
    file.write_text("made = []\n")
    name = f"{file}:made"
    first = load(name)
    first.append(1)
    assert load_anew(name) == []
    assert first == [1]
    file.write_text("1 / 0\n")
    with pytest.raises(TargetError, match="ZeroDivisionError"):
        load_anew(name)


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
