"""An exhaustive sweep: what is exact is counted, the rest is reported case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Report, verify
from conv_reference.verification.execution import Settings
from conv_reference.verification.reading.limited import Limits, count
from conv_reference.verification.running import sweeping
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

LIMIT = "h<=2 w<=2 k<=2 s<=2 p<=1"


def swept(target: Any, **more: Any) -> Report:
    """A small one, in two dtypes."""
    options = {"dtypes": ("float64", "float32"), "limit": LIMIT, "known": None, **more}
    return verify(target, sweep="exhaustive", seed=1, **options)


def test_every_geometry_is_judged_once_in_one_of_the_dtypes() -> None:
    report = swept(conv2d)

    number = count(Limits.parse(LIMIT))
    forward = [check for check in report.checks if check.name == "forward"]
    assert report.passed
    assert report.judged == report.planned == number
    assert sum(check.geometries for check in forward) == number
    assert sum(check.cases for check in forward) == number


def wrong_where_a_stride_leaves_a_remainder(
    input: Tensor, weight: Tensor, stride: Sequence[int] = (1, 1)
) -> Tensor:
    """Off by one where the input's height is even, the kernel's is 1 and the stride is 2."""
    Y = conv2d(input, weight, stride=stride)
    is_meant = stride[0] == 2 and weight.shape[2] == 1 and input.shape[2] == 2
    return Y + 1 if is_meant else Y


def test_what_is_wrong_is_found_and_the_rest_counted() -> None:
    report = swept(wrong_where_a_stride_leaves_a_remainder, limit="h<=2 w<=2 k<=2 s<=2")

    (finding,) = [f for f in report.findings if f.dtype == "float64"]
    assert finding.geometry == "n1 c1 h2 w1 o1 k1x1 s2x1 p0 d1 g1"
    assert report.judged == report.planned


def test_what_a_target_has_no_option_for_is_not_counted_as_judged() -> None:
    def plain(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight)

    report = swept(plain, limit="h<=2 w<=2 s<=2")

    assert report.judged == 4
    assert "not asked: 12 geometries that the target has no options for" in str(report)


def test_a_sweep_that_was_cut_off_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 1)
    asked: list[int] = []

    class Ends(BaseException):
        pass

    def ends(done: int, _: int) -> None:
        asked.append(done)
        if len(asked) == 3:
            raise Ends

    target = "torch.nn.functional:conv2d"
    with pytest.raises(Ends):
        swept(target, store=tmp_path / "store", progress=ends)
    resumed = swept(target, store=tmp_path / "store")

    assert resumed.judged == count(Limits.parse(LIMIT))
    assert str(resumed.checks) == str(swept(target).checks)


def test_more_failures_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_OF_PART", 2)

    def wrong(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) + 1

    target = as_target(wrong)
    found = sweeping.swept(
        Limits.parse("h<=3 w<=3"), (torch.float32,), Here(target), target, Settings(0, "cpu")
    )

    assert (len(found.kept), found.further, found.judged) == (8, 1, 9)
    said = "further cases that are not exact, counted and not kept: 1"
    assert said in "".join(map(str, found.notes))
