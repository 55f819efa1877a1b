from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial import slow_targets
from conv_reference.verification.trial.trial import Trial

CPU = torch.device("cpu")
WIDE = "n1 c1 h1 w65536 o1 k1x1 s1 p0 d1 g1"


def by_width(seconds: Callable[[int], float]) -> Callable[[Trial, Geometry], float]:
    return lambda _, geometry: seconds(geometry.input_size[1])


@pytest.mark.parametrize(
    ("seconds", "slow"),
    [
        (lambda width: 0.0, False),  # raises, or is far too fast to be measured
        (lambda width: 1e-5 * width, False),  # 0.66 s
        (lambda width: 2e-5 * width, True),  # 1.3 s
        (lambda width: 4e-10 * width**2, True),  # 1.7 s, and a thirty-second of it 0.0017 s
        (lambda width: 2e-10 * width**2, False),  # 0.86 s
        (lambda width: 0.002 + 1e-6 * width, False),  # what each call costs does not grow
        (lambda width: 0.015 if width > 3_000 else 0.001, False),  # as the square, at most
    ],
)
def test_the_time_of_a_large_size_follows_from_smaller_ones(
    seconds: Callable[[int], float], slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_targets, "_seconds", by_width(seconds))
    monkeypatch.setattr(slow_targets, "_seen", {})
    trial = Trial(as_target(conv2d), Case.parse(f"large float32 {WIDE}"), 0, CPU)

    assert slow_targets.is_slow_for_its_size(trial) is slow


def test_a_size_is_measured_once_for_each_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[torch.dtype] = []

    def seconds(trial: Trial, geometry: Geometry) -> float:
        measured.append(trial.case.dtype)
        return 0.0

    monkeypatch.setattr(slow_targets, "_seconds", seconds)
    monkeypatch.setattr(slow_targets, "_seen", {})
    target = as_target(conv2d)
    for dtype in ("float32", "float64", "float32"):
        case = Case.parse(f"large {dtype} {WIDE}")
        slow_targets.is_slow_for_its_size(Trial(target, case, 0, CPU))

    assert measured == [torch.float32, torch.float64]


def test_no_size_is_halved_below_the_kernel() -> None:
    geometry = Geometry.parse("n1 c2 h5 w9 o2 k5x3 p0x1 d1x2 g2")
    assert str(slow_targets.halved(geometry, 9)) == "n1 c1 h5 w4 o1 k5x3 s1 p0x1 d1x2 g1"
