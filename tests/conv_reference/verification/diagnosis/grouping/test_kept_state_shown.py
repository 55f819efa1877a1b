"""What shows that something is kept between calls: what is wrong because of it alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from keeping import bench_of, failing

from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.diagnosis.grouping import kept_state
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.group import Group
from conv_reference.verification.diagnosis.grouping.kept_state import (
    KEPT,
    filed_under_what_is_kept,
)
from conv_reference.verification.diagnosis.grouping.origins import sorted_out
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import loaded_anew
from conv_reference.verification.work.here import Here

# The place of each tap is kept by the sizes of Y and K alone, and in whatever mode it comes.
INDICES = """
import torch
from torch.nn.functional import pad

indices = {}


def conv2d(input, weight, stride=1):
    n, c, h, w = input.shape
    o, _, kh, kw = weight.shape
    oh, ow = (h - kh) // stride[0] + 1, (w - kw) // stride[1] + 1
    key = oh, ow, kh, kw
    if key not in indices:
        r = (torch.arange(oh) * stride[0])[:, None, None, None] + torch.arange(kh)[:, None]
        s = (torch.arange(ow) * stride[1])[:, None, None] + torch.arange(kw)
        indices[key] = (r * w + s).reshape(oh * ow, kh * kw)
    columns = input.reshape(n, c, h * w)[:, :, indices[key]]
    return torch.einsum("nclk,ock->nol", columns, weight.flatten(2)).reshape(n, o, oh, ow)
"""
IN_TURN = ("options_before float64 h4 w5 k2 nobias", "calls_before float64 h4 w5 k2 nobias")


def test_what_raises_by_itself_is_told_beside_what_is_stale(tmp_path: Path) -> None:
    """Of one cache two faults: what lacks in its key, and that it is made in inference mode."""
    bench = bench_of(tmp_path, INDICES)
    groups = failing(bench, IN_TURN)
    faults = [Fault([kind]) for kind in groups]
    filed = filed_under_what_is_kept(
        faults, groups, bench, {"options_before": [], "calls_before": []}
    )
    assert [(f.kinds[0].verdict, f.cause) for f in filed] == [
        (Verdict.WRONG, KEPT),
        (Verdict.RAISED, KEPT),
    ]
    stale, raised = filed
    assert stale.kinds[0].row == "options_before"
    assert {k.thrown and k.thrown.kind for k in (*raised.kinds, *raised.following)} == {
        "RuntimeError"
    }
    assert "inference" in groups[raised.kinds[0]].failures[0].judgement.explanation


def test_what_was_left_by_other_options_is_shown_by_them(tmp_path: Path) -> None:
    """The state of a process may be any by then: what is right alone and wrong in turn is kept."""
    bench = bench_of(tmp_path, INDICES)
    in_turn = ("certificate float64 h3 w5 k2 nobias", "certificate float64 h5 w9 k2 s2 nobias")
    groups = failing(bench, in_turn)
    (kind,) = (kind for kind in groups if kind.quantity == "Y")
    fresh = Here(loaded_anew(bench.target))  # where it does not fail again
    none = dict[str, list[Failure]]()
    for asked, said in ((none, ""), ({"options_before": []}, KEPT)):
        (fault,) = filed_under_what_is_kept(
            [Fault([kind])], groups, replace(bench, backend=fresh), asked
        )
        assert fault.cause == said
    assert fault.kinds[0].row == "options_before"
    assert fault.following == [kind]


def test_what_an_empty_batch_raises_in_every_call_is_not_what_is_kept(tmp_path: Path) -> None:
    """Put in turn it raises as well; where nothing else showed alone it stood for a wrong Y."""
    bench = bench_of(tmp_path, INDICES.replace("reshape(n, o, oh, ow)", "reshape(n, o, oh, -1)"))
    empty = failing(bench, ("calls_before float64 n0 h4 w5 k2 nobias",))
    (raised,) = (group.failures[0] for kind, group in empty.items() if kind.thrown)
    in_turn = ("certificate float64 h3 w5 k2 nobias", "certificate float64 h5 w9 k2 s2 nobias")
    groups = failing(bench, in_turn)
    (kind,) = (kind for kind in groups if kind.quantity == "Y")
    (fault,) = filed_under_what_is_kept(
        [Fault([kind])], groups, bench, {"calls_before": [raised], "options_before": []}
    )
    shown = groups[fault.kinds[0]].failures[0]
    assert (fault.cause, shown.judgement.verdict) == (KEPT, Verdict.WRONG)
    (fault,) = filed_under_what_is_kept([Fault([kind])], groups, bench, {"calls_before": [raised]})
    shown = groups[fault.kinds[0]].failures[0]
    assert (fault.cause, shown.judgement.verdict) == (KEPT, Verdict.WRONG)


def test_a_number_that_is_wrong_in_every_call_does_not_show_what_is_kept(tmp_path: Path) -> None:
    always = "\n    input = input + (len(input) > 2)\n    n, c, h, w = input.shape"
    bench = bench_of(tmp_path, INDICES.replace("\n    n, c, h, w = input.shape", always))
    own = failing(bench, ("calls_before float64 n3 h4 w5 k2 nobias",))
    (wrong, *_) = (group.failures[0] for kind, group in own.items() if not kind.thrown)
    in_turn = ("certificate float64 h3 w5 k2 nobias", "certificate float64 h5 w9 k2 s2 nobias")
    groups = failing(bench, in_turn)
    (kind,) = (kind for kind in groups if kind.quantity == "Y")
    (fault,) = filed_under_what_is_kept([Fault([kind])], groups, bench, {"calls_before": [wrong]})
    shown = groups[fault.kinds[0]].failures[0]
    assert (fault.cause, shown.case.geometry.batch) == (KEPT, 1)


def test_what_a_process_keeps_by_then_may_be_what_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of calls with other options is then judged by these alone, in a process of its own."""
    bench = bench_of(tmp_path, INDICES)
    groups = failing(bench, IN_TURN[:1])
    faults = [Fault([kind]) for kind in groups]
    monkeypatch.setattr(kept_state, "is_of_what_is_kept", lambda *_: False)
    (fault, *_) = filed_under_what_is_kept(faults, groups, bench, {"options_before": []})
    assert (fault.cause, fault.kinds[0].row) == (KEPT, "options_before")
    always = INDICES.replace(
        "n, c, h, w = input.shape", "input = input + 1; n, c, h, w = input.shape"
    )
    other = bench_of(tmp_path / "other", always)
    groups = failing(other, IN_TURN[:1])
    faults = [Fault([kind]) for kind in groups]
    assert not any(f.cause for f in filed_under_what_is_kept(faults, groups, other))


def test_a_fault_of_what_is_kept_counts_every_case_that_it_breaks(tmp_path: Path) -> None:
    """What follows is the fault itself, elsewhere: 'seen in 1 case' stood above a hundred."""
    bench = bench_of(tmp_path, INDICES)
    texts = [
        f"{row} {dtype} h{h} w6 k1"
        for row in ("options_before", "certificate")
        for dtype in ("float64", "float32")
        for h in (3, 4)
    ]
    cases = [bench.target.restrict(Case.parse(f"{text} s2 nobias")) for text in texts]
    met = [failure for those in bench.failures_on(cases).values() for failure in those]
    groups, _ = sorted_out(met, bench)
    others, plainest = [*groups], next(f for f in met if f.judgement.check == "options_before")
    shown = kind_of(plainest)
    groups.setdefault(shown, Group()).failures.insert(0, plainest)
    diagnosis = Diagnosis(met, {}, replace(bench, deadline=-math.inf), in_process=False)
    (_, first), *further = diagnosis.of_kept(1, Fault([shown], others, KEPT), groups)
    operands = {(f.case.geometry, f.case.dtype) for f in met}
    assert first.occurrences >= len(operands) > len({f.case for f in groups[shown].failures})
    wrong = [f for f in met if f.judgement.verdict == Verdict.WRONG]
    in_row = {f.case for f in wrong if f.judgement.check == "options_before"}
    assert first.in_check == len(in_row) > 1
    assert all(finding.follows for _, finding in further)
    alone = Diagnosis([plainest], {}, replace(bench, deadline=-math.inf), in_process=False)
    (_, first), *_ = alone.of_kept(1, Fault([shown], others, KEPT), groups)
    assert first.occurrences == 1  # no more than failed, whatever calls a row made of the case


def test_the_runs_own_case_of_calls_in_turn_shows_what_is_kept(tmp_path: Path) -> None:
    """What it leaves behind makes a certificate wrong, whose own calls may come out right."""
    bench = bench_of(tmp_path, INDICES)
    texts = (f"options_before float64 h{h} w6 k1 nobias grad=" for h in range(1, 9))
    cases = [bench.target.restrict(Case.parse(text)) for text in texts]
    case, met = next((c, met) for c, met in bench.failures_on(cases).items() if met)
    groups, _ = sorted_out(met, bench)
    faults = [Fault([kind]) for kind in groups]
    (fault,) = filed_under_what_is_kept(faults, groups, bench, {"options_before": met})
    shown = groups[fault.kinds[0]].failures[0]
    assert (shown.case, shown.judgement.check) == (case, "options_before")
