"""Faults of transposed convolutions beside those of their sizes: channels, rules, memory.

In the sizes of each, c, h and w are Y's, and o, oh and ow are X's: see ``faults.transposed``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Pair, Sizes
from conv_reference.verification.faults.planted.layout import contiguous_strides, reinterpreted
from conv_reference.verification.faults.planted.transform import sample_by_sample
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced
from conv_reference.verification.faults.transposed import (
    check,
    gathered,
    grad_weight,
    grad_weight_at,
    jvp,
    spread,
    spread_at,
)
from conv_reference.verification.faults.windows import positions, positions_with

_OPERATOR = "conv_transpose2d"
turned = FaultClass(
    "TURNED", "A kernel turned where it is not to be, or not where it is", _OPERATOR
)
channels = FaultClass("IN_OUT", "Channels in and out, and groups, in each other's place", _OPERATOR)
derived = FaultClass("DERIVED", "Rules for forward mode, vmap and double backward", _OPERATOR)
held = FaultClass("HELD", "Memory, dtypes and numbers that are no numbers", _OPERATOR)
accepted = FaultClass("ACCEPTED", "Arguments for which there is none, answered", _OPERATOR)


@turned(
    "Y",
    "stride 1, one group, kernel larger than one: as in a convolution",
    about="kernel stride groups",
)
def kernel_not_turned(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return spread(X, K.flip(2, 3) if z.s == (1, 1) and z.g == 1 else K, z)


@turned(
    "dX", "stride_h > 1, kh > 1, dilation 1: the rows of K turned", about="kernel stride dilation"
)
def rows_turned_in_the_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return gathered(G, K.flip(2) if z.s[0] > 1 and z.d == (1, 1) else K, z)


@turned("dK", "padding > 0, kw > 2: handed out turned", about="kernel padding")
def gradient_turned(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    return dK.flip(3) if min(z.p) > 0 and z.kw > 2 else dK


@channels(
    "Y",
    "groups > 1, several input channels in each: the kernel's first axis read as channels of "
    "groups",
    thread="functorch PR#345",
    about="groups channels",
)
def groups_in_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1:
        K = K.unflatten(0, (z.og, z.g)).transpose(0, 1).flatten(0, 1)
    return spread(X, K, z)


@channels(
    "dX",
    "depthwise with a multiplier: its output channels in the wrong order",
    thread="Paddle PR#31762",
    about="groups channels",
)
def multiplier_turned(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1 and z.og == 1:
        K = K.flip(1)
    return gathered(G, K, z)


@channels(
    "dK", "groups > 1, stride > 1: groups and their channels exchanged", about="groups stride"
)
def groups_in_channels_of_the_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if z.g > 1 and max(z.s) > 1:
        dK = dK.unflatten(0, (z.g, z.og)).transpose(0, 1).flatten(0, 1)
    return dK


@channels("db", "as many rows as output channels: summed over channels", about="channels plane")
def bias_over_channels(G: Tensor, z: Sizes) -> Tensor:
    return G.sum((0, 1, 3)) if z.h == z.c > 1 else direct.grad_bias(G, z)


@channels("db", "more than one group: those of the first for each", about="groups")
def bias_of_the_first_group(G: Tensor, z: Sizes) -> Tensor:
    return direct.grad_bias(G, z)[: z.cg].repeat(z.g)


@channels(
    "Y",
    "as many groups as channels out, C > 1: the bias is added once more",
    part="add_bias",
    about="groups channels",
)
def bias_of_each_group(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    return direct.add_bias(Y, b + b if z.g == z.c > 1 else b, z)


@derived(
    "vmap",
    "kernels batched, groups > 1: groups and channels of the kernel exchanged",
    part="vmap",
    thread="functorch PR#345",
    about="groups batch kernel",
)
def batched_kernels_in_groups(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(2), dim) if dims[1] is not None and z.g > 1 else (Y, dim)


@derived("jvp", "stride > 1: the tangent of K is lost beside that of X", part="jvp", about="stride")
def tangent_of_the_kernel(X: Tensor, K: Tensor, tangents: Any, z: Sizes) -> Tensor:
    tX, tK, tb = tangents
    lost = max(z.s) > 1 and tX is not None
    return jvp(X, K, (tX, None if lost else tK, tb), z)


@derived("second order", "groups > 1: K taken for a constant", part="grad_input", about="groups")
def kernel_held_constant(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return gathered(G, K.detach() if z.g > 1 else K, z)


@derived(
    "second order",
    "dilation_h > 1, kh > 1: dK's derivative in G",
    part="grad_weight",
    about="dilation kernel",
)
def dilation_twice_derived(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if z.d[0] > 1 and z.kh > 1:
        dK = spliced(dK, grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1]))))
    return dK


@held(
    "dX",
    "upstream gradient that is not contiguous, read as if it were; stride 1",
    thread="pytorch PR#67829",
    about="layout stride",
)
def gradient_taken_for_contiguous(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.s == (1, 1):
        G = reinterpreted(G, contiguous_strides(G.size()))
    return gathered(G, K, z)


@held(
    "X",
    "stride > 1: the saved input is scaled in place by the backward pass",
    part="grad_weight",
    thread="mlpack#1661",
    about="stride",
)
def edits_the_saved_input(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if max(z.s) > 1 and 0 not in X.stride():
        X.detach().mul_(2)
    return dK


@held(
    "Y",
    "bfloat16, kernel higher than one: a one-dimensional kernel",
    thread="candle PR#3279",
    about="kernel bfloat16",
)
def first_row_of_taps(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.bfloat16 and z.kh > 1:
        K = torch.cat([K[:, :, :1], torch.zeros_like(K[:, :, 1:])], dim=2)
    return spread(X, K, z)


@held(
    "Y",
    "float32, more than one input channel: X in bfloat16",
    thread="pytorch#148973",
    about="channels float32",
)
def single_in_bfloat16(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.float32 and z.o > 1:
        X = X.bfloat16().float()
    return spread(X, K, z)


@held(
    "Y",
    "an infinity in the kernel, more than one tap: all of Y is not-a-number",
    thread="pytorch#164125",
    about="kernel",
)
def infinite_tap_everywhere(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = spread(X, K, z)
    return torch.where(K.isinf().any() & torch.tensor(z.kh * z.kw > 1), torch.nan, Y)


def _longer(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Zeros for what of an output padding is past the last stride."""
    more = [(out - size) * s for out, size, s in zip((z.oh, z.ow), X.shape[2:], z.s, strict=True)]
    Y = spread(X, K, replace(z, h=z.h - more[0], w=z.w - more[1]))
    return pad(Y, (0, more[1], 0, more[0]))


@accepted(
    "arguments",
    "an output padding as large as the stride is answered",
    part="check",
    forward=_longer,
    about="output_padding",
)
def accepts_output_padding(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes, more: Pair) -> None:
    check(X, K, b, z, (min(more[0], 0), min(more[1], 0)))


def _uncropped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return spread(X, K, z) if min(z.p) >= 0 else spread_at(X, K, z, *positions(z))


@accepted("arguments", "padding -1 is answered", part="check", forward=_uncropped, about="padding")
def accepts_a_negative_crop(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes, more: Pair) -> None:
    check(X, K, b, replace(z, p=(max(z.p[0], 0), max(z.p[1], 0))), more)
