"""Arguments that describe no convolution, answered all the same."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import forward_at, positions

planted = FaultClass("DOMAIN", "Arguments that describe no convolution, answered all the same")


def _no_dilation(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.d) >= 1:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions(z))


@planted(
    "arguments", "dilation 0 is answered", part="check", forward=_no_dilation, about="dilation"
)
def accepts_no_dilation(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, z if min(z.d) >= 1 else replace(z, d=(1, 1)))


def _negative_padding(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.p) >= 0:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions(z))


@planted(
    "arguments", "padding -1 is answered", part="check", forward=_negative_padding, about="padding"
)
def accepts_negative_padding(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, replace(z, p=(max(z.p[0], 0), max(z.p[1], 0))))


def _some_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == K.shape[1] * z.g:
        return direct.forward(X, K, z)
    held = K.shape[1] * z.g
    X = X.repeat(1, -(-held // z.c), 1, 1)[:, :held]
    return direct.forward(X, K, replace(z, c=held))


@planted(
    "arguments", "channels that do not match are answered", part="check",
    forward=_some_channels, about="channels",
)  # fmt: skip
def accepts_other_channels(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, replace(z, c=K.shape[1] * z.g))
