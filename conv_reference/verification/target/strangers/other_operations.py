"""What else a convolution is taken for: known other things, by what they make of one tiny case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import exact_operands
from conv_reference.quantities import CONV2D, CONV_TRANSPOSE2D
from conv_reference.verification.reading.words import Words
from conv_reference.verification.target.strangers.attempt import Convention, Level, asked, tiny
from conv_reference.verification.target.strangers.conventions_in_order import conventions_in_order
from conv_reference.verification.target.strangers.stranger import Stranger

_TOLERANCE = 2e-6  # of the greatest element: what a transform loses in float32

_PLAIN = "a cross-correlation"


def other_by_trial(own: Stranger, found: Convention | None = None) -> str:
    """What else than a cross-correlation a stranger computes; or empty.

    Args:
        own: the stranger.
        found: under which convention, before any other: of some, it alone has sizes that are taken.
    """
    settled = [] if found is None else [found]
    for convention in chain(settled, conventions_in_order(own, Words())):
        answer = asked(own, convention)
        if answer.level in {Level.OTHER, Level.SHAPED} and isinstance(answer.Y, Tensor):
            geometry = tiny(own, convention)
            assert geometry is not None  # or there was no answer
            given = exact_operands(geometry, own.dtype, seed=0)
            Y = answer.Y if convention.form.has_channels else answer.Y[:, None]
            said = known_other(Y, given.input, given.weight, given.bias, geometry)
            if said:
                return said
    return ""


def known_other(Y: Tensor, X: Tensor, K: Tensor, b: Tensor, geometry: Geometry) -> str:
    """In one clause, what Y is if it is no cross-correlation; empty where nothing known fits.

    Args:
        Y: what was answered, (N, O, H', W') of whatever sizes.
        X: the input of the tiny case, (N, C, H, W).
        K: its kernel, (O, C, kh, kw).
        b: its bias, (O,).
        geometry: its sizes; of an instance with its options, else these do nothing.
    """
    X, K, b = (tensor.to(torch.float64) for tensor in (X, K, b))
    found = Y.detach().to("cpu", torch.float64)
    for said, value in _others(found, X, K, b, geometry):
        wholes = value, value + b[:, None, None]
        if said != _PLAIN and any(_is(found, whole) for whole in wholes):
            return said
        if any(_is(found, whole.clamp(min=0)) for whole in wholes):
            return f"{said}, with a ReLU behind it"
    return ""


def _is(found: Tensor, value: Tensor) -> bool:
    if found.shape != value.shape or not value.numel():
        return False
    return bool(((found - value).abs() <= _TOLERANCE * value.abs().max()).all())


def _transposed(
    Y: Tensor, X: Tensor, K: Tensor, geometry: Geometry
) -> Iterator[tuple[str, Tensor]]:
    """The convolution whose input is of Y's size, taken backwards: X is its output's gradient.

    An output padding is what of Y no stride reaches, and needs no guess.
    """
    if Y.dim() != 4 or geometry.groups != 1:
        return
    height, width = Y.shape[2:]
    with suppress(ValueError):  # a kernel that is larger than such an input
        form = replace(
            geometry,
            in_channels=geometry.out_channels,
            out_channels=geometry.in_channels,
            input_size=(height, width),
        )
        if form.output_size == X.shape[2:]:
            operands = {"input": X, "weight": K.transpose(0, 1)}
            said = "a transposed convolution (judged as one with --operator conv_transpose2d)"
            yield said, CONV_TRANSPOSE2D.first("Y", operands, form)


def _others(
    Y: Tensor, X: Tensor, K: Tensor, b: Tensor, geometry: Geometry
) -> Iterator[tuple[str, Tensor]]:
    def convolved(X: Tensor, K: Tensor, geometry: Geometry = geometry) -> Tensor:
        return CONV2D.first("Y", {"input": X, "weight": K}, geometry)

    plain = convolved(X, K)
    yield _PLAIN, plain
    flipped = K.flip(-1, -2)
    yield "a true convolution: the kernel is flipped", convolved(X, flipped)
    kh, kw = geometry.kernel_size
    pads = {
        "the padding of TensorFlow's SAME": (
            ((kh - 1) // 2, kh // 2),
            ((kw - 1) // 2, kw // 2),
        ),
        "a padding of half the kernel": ((kh // 2, kh // 2), (kw // 2, kw // 2)),
        "full padding": ((kh - 1, kh - 1), (kw - 1, kw - 1)),
    }
    yield from _transposed(Y, X, K, geometry)
    for name, padding in pads.items():
        padded = replace(geometry, padding=padding)
        yield f"a cross-correlation with {name}", convolved(X, K, padded)
        yield f"a true convolution with {name}", convolved(X, flipped, padded)
    bias = b[:, None, None]
    yield "a cross-correlation with its bias added twice", plain + 2 * bias
    for last, which in ((0, "first"), (-1, "last")):
        one = torch.zeros_like(K)
        one[:, last] = K[:, last]
        said = f"the sum over the input channels is forgotten: the {which} alone counts"
        yield said, convolved(X, one)
    taps, channels = kh * kw, geometry.in_channels
    yield "a mean over the kernel's taps in place of their sum", plain / taps
    yield "a mean over channels and taps in place of their sum", plain / (taps * channels)
    yield "a mean over the input channels in place of their sum", plain / channels
