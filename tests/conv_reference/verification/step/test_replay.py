from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from corrupted import Change, corrupted
from torch import Tensor, nn

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certificate import Certificate, Seen
from conv_reference.verification.step.certify import certify


def test_over_integers_one_element_that_errs_alone_is_no_rounding_and_many_are_shown() -> None:
    def change(share: slice) -> Change:
        def changed(name: str, number: int, _: tuple[Any, ...], answered: Any) -> None:
            if number == 1:  # the first is the step's own, the second over integers
                answered.view(-1)[share] += 32

        return changed

    layer = nn.Conv2d(16, 16, 3, bias=False)
    said = []
    for share in (slice(77, 78), slice(None)):
        with corrupted(change(share)), certify(layer) as certificate:
            layer(torch.rand(8, 16, 9, 9))
        said.append(str(certificate))
    alone, many = said
    assert re.search(
        r"WRONG Conv2d Y: over integers, Y\[0,1,4,0\] .*, alone at this pixel\n", alone
    )
    assert many.startswith("right")
    assert "over integers 0 of 1 answer exact\n" in many
    where = (
        r"\n  over integers, rounded in Conv2d Y, to \d+\.\d bits: Y\[.*, with 127 of 127 others"
    )
    assert re.search(where, many)


SLIGHTLY, NOISE = 1 + 2.0**-12, 2.0**-19


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.Conv2d(16, 16, 3, padding=1), "Y"),
        (nn.Conv2d(16, 16, 3, padding=1), "dX"),
        (nn.Conv2d(16, 16, 3, groups=16), "dK"),
        (nn.ConvTranspose2d(16, 12, 3, stride=2, groups=2), "Y"),
        (nn.ConvTranspose2d(16, 12, 3, stride=2, groups=2), "dK"),
        (nn.Conv1d(16, 16, 3), "dX"),
    ],
)
@pytest.mark.parametrize("share", [slice(None), slice(3, 4)])
def test_a_4096th_is_no_rounding_however_long_the_sums(
    layer: nn.Module, name: str, share: slice
) -> None:
    """Of all channels, or of one. In place it is hidden by what a transform is allowed."""

    def change(by: Callable[[Tensor], Tensor | float]) -> Change:
        def changed(kind: str, _: int, __: tuple[Any, ...], answered: Any) -> None:
            if (kind == "convolution") == (name == "Y"):
                value = answered if name == "Y" else answered[("dX", "dK").index(name)]
                there = value if name == "dK" else value.transpose(0, 1)
                there[share] *= by(there[share])

        return changed

    size = (9,) if isinstance(layer, nn.Conv1d) else (9, 9)

    def certificate(by: Callable[[Tensor], Tensor | float]) -> Certificate:
        with corrupted(change(by)), certify(layer) as certified:
            layer(torch.rand(8, 16, *size).requires_grad_()).square().mean().backward()
        return certified

    wrong = certificate(lambda _: SLIGHTLY)
    assert wrong.verdict == Verdict.WRONG
    assert wrong.rows[0].seen(name).replayed == Verdict.WRONG
    assert re.search(rf" {name}: over (integers|impulses), {name}\[", str(wrong))


def test_what_a_transform_leaves_over_integers_is_rounding() -> None:
    def change(_: str, __: int, ___: tuple[Any, ...], answered: Any) -> None:
        answered += NOISE * answered.abs().max() * torch.randn(answered.shape)

    layer = nn.Conv2d(16, 16, 3, bias=False)
    with corrupted(change), certify(layer) as certificate:
        layer(torch.rand(8, 16, 9, 9))
    assert certificate.verdict == Verdict.ROUNDED
    assert certificate.rows[0].seen("Y").replayed == Verdict.ROUNDED


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (torch.float32, torch.bfloat16)),
    ],
)
def test_an_error_is_missed_over_integers_no_more_often_than_is_printed(
    dtype: torch.dtype,
) -> None:
    """A product of sums of two, of which the fewer integers there are the more are zero."""
    geometry = "n1 c2 h3 w3 o2 k3x3 s1 p1 d1 g1"

    def change(_: str, call: int, args: tuple[Any, ...], answered: Any) -> None:
        if call == 1:
            X, K = args[0][0, 0, 0], args[1][0, 0, 0]
            answered[0, 0, 1, 1] += (X[0] + X[1]) * (K[0] + K[1])

    layer, image = nn.Conv2d(2, 2, 3, padding=1, dtype=dtype), torch.ones(1, 2, 3, 3, dtype=dtype)
    missed, bounds, trials = 0, set(), 80
    for seed in range(trials):
        with corrupted(change), certify(layer, seed=seed) as certificate:
            layer(image)
        (row,) = certificate.rows
        assert str(row.geometry) == geometry
        if row.seen("Y").replayed == Verdict.EXACT:
            missed += 1
            bounds.add(row.seen("Y").miss_bound)
    few = dtype == torch.bfloat16
    assert missed / trials <= (0.5 if few else 0.13)
    assert (missed > trials / 8) == few
    if few:
        (bound,) = bounds
        assert bound == pytest.approx(1 - (15 / 16 * 5 / 6) ** 2)


def test_what_may_be_missed_is_printed_with_what_is_assumed() -> None:
    layer = nn.Conv2d(3, 4, 3)
    with certify(layer) as certificate:
        layer(torch.ones(2, 3, 8, 8)).sum().backward()
    bounds = {name: seen.miss_bound for name, seen in certificate.rows[0].quantities.items()}
    assert bounds["Y"] == pytest.approx(1 - (15 / 16) ** 2, abs=0.01)
    assert bounds["db"] == pytest.approx(1 - 15 / 16, abs=0.01)
    printed = " ".join(str(certificate).split())
    assert "the probability is at most 75 % in one call, and each call draws new signs" in printed
    assert (
        "an error, with probability at most 13 %, if what ran is linear in each of its" in printed
    )
    assert "no probability is known" not in printed
    assert max(map(len, str(certificate).splitlines()[1:])) < 110

    with certify(layer, replayed=False) as in_place:
        layer(torch.ones(2, 3, 8, 8))
    assert "missed over integers" not in str(in_place)

    layer.bfloat16()
    with certify(layer) as narrow:
        layer(torch.ones(2, 3, 40, 40, dtype=torch.bfloat16))
    assert narrow.rows[0].seen("Y").miss_bound is None
    assert "no probability is known of what is missed" in " ".join(str(narrow).split())
    with certify(layer) as both:
        layer(torch.ones(2, 3, 40, 40, dtype=torch.bfloat16))
        layer.float()(torch.ones(2, 3, 8, 8))
    assert "no probability is known for 1 of 2 answers of what" in " ".join(str(both).split())


def test_of_two_kinds_of_calls_the_weaker_bound_counts() -> None:
    seen = Seen()
    for bound in (0.1, 0.3, 0.2):
        seen.take_exact(bound)
    assert seen.miss_bound == 0.3
    seen.take_exact(None)
    seen.take_exact(0.2)
    assert seen.miss_bound is None
