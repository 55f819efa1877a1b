"""The printed detection limit: what is some times as large is told, whatever is known before."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from corrupted import corrupted
from torch import Tensor, nn

from conv_reference.verification.step.certificate import Seen
from conv_reference.verification.step.certify import certify

_SEVERAL = 4.0  # elements at a place have limits of their own; what is printed is a usual one
X = torch.randn(6, 16, 20, 20, generator=torch.Generator().manual_seed(0))


def step(layer: nn.Module, loss: str) -> None:
    layer.zero_grad()
    Y: Tensor = layer(X.clone().requires_grad_())
    (Y.square().mean() if loss == "square" else Y.sum()).backward()


def seen(quantity: str, *, times: float, replayed: bool, loss: str, kind: str) -> Seen:
    """Of a step in which one element is off by so many times the limit of the step before."""
    layers = {"conv": nn.Conv2d(16, 24, 3, padding=1), "depthwise": nn.Conv2d(16, 16, 3, groups=16)}
    torch.manual_seed(1)
    layer, number, error = layers[kind], {"Y": 0, "dX": 1, "dK": 1, "db": 1}[quantity], 0.0

    def change(_: str, call: int, __: tuple[Any, ...], answered: Any) -> None:
        if error and call == last + number:
            value = answered if quantity == "Y" else answered[["dX", "dK", "db"].index(quantity)]
            value[(3, 0, 1, 1)[: value.dim()]] += error * float(value.abs().max())

    with corrupted(change), certify(layer, replayed=replayed) as certificate:
        last = 4 if replayed else 2  # its two calls, and their replays
        step(layer, loss)
        found = certificate.rows[0].seen(quantity)
        error = times * found.limit
        assert 0 < found.limit < 100
        step(layer, loss)
    return found


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize("loss", ["square", "sum"])
@pytest.mark.parametrize("replayed", [True, False], ids=["direct", "unknown"])
@pytest.mark.parametrize("quantity", ["Y", "dX", "dK", "db"])
def test_an_error_of_some_limits_is_told_and_of_a_small_part_of_one_is_not(
    quantity: str, replayed: bool, loss: str, kind: str
) -> None:
    def wrong(times: float) -> bool:
        return bool(seen(quantity, times=times, replayed=replayed, loss=loss, kind=kind).wrong)

    assert wrong(_SEVERAL)
    assert not wrong(1 / 64)
