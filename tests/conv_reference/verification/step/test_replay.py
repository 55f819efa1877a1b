from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from corrupted import Change, corrupted
from torch import Tensor, nn

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certificate import Certificate
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
