"""Arguments without a convolution that are answered by what a target keeps: the fault of that."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.grouping.kept_state import (
    ANSWERED_ANEW,
    KEPT,
    filed_under_what_is_kept,
)
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.here import Here

# The place of each tap is kept by the sizes of X and K: it is there for strides that have none.
BY_SIZES = """
import torch
from torch.nn.functional import pad

indices = {{}}


def conv2d(input, weight, stride=1, padding=0):
    {refusing}
    input = pad(input, (padding[1], padding[1], padding[0], padding[0]))
    (n, c, h, w), (o, _, kh, kw) = input.shape, weight.shape
    if (h, w, kh, kw) not in indices:
        r = torch.arange(0, h - kh + 1, stride[0])[:, None, None, None] + torch.arange(kh)[:, None]
        s = torch.arange(0, w - kw + 1, stride[1])[:, None, None] + torch.arange(kw)
        indices[h, w, kh, kw] = r * w + s
    at = indices[h, w, kh, kw]
    columns = input.flatten(2)[:, :, at.flatten(0, 1).flatten(1)].reshape(n, c, -1, kh * kw)
    Y = torch.einsum("nclk,ock->nol", columns, weight.flatten(2))
    return Y.reshape(n, o, *at.shape[:2])
"""


def failing(bench: Bench) -> Groups:
    groups: Groups = {}
    for text in ("options_before float64 h4 w5 k2 nobias", "refusals float64 h1 w1 k1 nobias"):
        (failures,) = bench.failures_on([bench.target.restrict(Case.parse(text))]).values()
        for failure in failures:
            groups.setdefault(kind_of(failure), Group()).failures.append(failure)
    return groups


@pytest.mark.parametrize("refusing", [False, True])
def test_impossible_arguments_that_what_is_kept_answers_are_its_fault(
    refusing: bool, tmp_path: Path
) -> None:
    """No stride has an answer if it is kept alone; negative padding crops, if it is not refused."""
    line = "assert min(padding) >= 0 and input.shape[1] == weight.shape[1]" if refusing else "pass"
    file = tmp_path / "kept_by_a_user.py"
    file.write_text(BY_SIZES.format(refusing=line))
    target = load_target(f"{file}:conv2d")
    bench = Bench(target, Here(target), Settings(seed=1, device="cpu"), (), (), math.inf)
    groups = failing(bench)
    faults = [Fault([kind]) for kind in groups]
    (permissive,) = (kind for kind in groups if kind.verdict == Verdict.PERMISSIVE)
    (met,) = groups[permissive].failures
    assert "no stride across" in met.judgement.explanation
    first, *others = filed_under_what_is_kept(faults, groups, bench, {"options_before": []})
    assert (first.kinds[0].row, first.cause) == ("options_before", KEPT)
    if refusing:
        assert permissive in first.following
        assert not others
        return
    (own,) = others
    assert (own.kinds, own.cause, own.as_met) == ([permissive], ANSWERED_ANEW, True)
    (shown,) = groups[permissive].failures
    assert "negative padding across" in shown.judgement.explanation
    assert "stride" not in shown.judgement.explanation
    diagnosis = Diagnosis([met], {}, bench, in_process=False)
    ((_, finding),) = diagnosis.of_fault(2, own, groups)
    assert finding.explanation == shown.judgement.explanation
    assert "comes of what the target keeps" in finding.cause
