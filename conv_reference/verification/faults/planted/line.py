"""Faults of convolutions in one dimension, whose sizes are those of one row in two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planted.layout import reinterpreted
from conv_reference.verification.faults.planted.transform import sample_by_sample
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import (
    forward_at,
    grad_input_at,
    grad_weight_at,
    positions,
    positions_with,
)

planted = FaultClass("LINE", "In one dimension: the same, of one row", "conv1d")


@planted(
    "dX",
    "upstream gradient that is not contiguous, read by the strides of one that is",
    thread="fla PR#871",
    about="layout",
)
def line_read_by_its_width(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(reinterpreted(G, (z.o * z.ow, z.ow, z.ow, 1)), K, z)


@planted(
    "dK",
    "two groups, stride > 1: a tap too many where the stride leaves a rest",
    thread="mlx#2184",
    about="groups stride",
)
def line_with_a_tap_too_many(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return torch.cat([dK, dK[..., :1]], dim=3) if z.g == 2 and z.rest[1] else dK


@planted(
    "dK",
    "stride 1, dilation 1: what the first tap read is used for all",
    thread="fla PR#388",
    about="stride dilation kernel",
)
def line_read_once(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    rows, columns = positions(z)
    if z.s[1] == z.d[1] == 1:
        columns = columns[:, :1].expand_as(columns)
    return grad_weight_at(G, X, z, rows, columns)


@planted(
    "dX",
    "dilation > 1, N > 1: shares of the taps are not where they were read",
    thread="cherimoya#25",
    about="dilation batch",
)
def line_given_densely(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.n == 1:
        return direct.grad_input(G, K, z)
    return grad_input_at(G, K, z, *positions_with(z, d=(1, 1)))


@planted(
    "vmap",
    "kernels batched, no bias: samples in the wrong order",
    part="vmap",
    thread="functorch#338",
    about="batch kernel bias",
)
def line_of_batched_kernels(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(0), dim) if dims[1] is not None and b is None else (Y, dim)


@planted(
    "Y",
    "not-a-number in the kernel, more than one tap: taken for zero",
    thread="pytorch#12484",
    about="kernel",
)
def line_without_nan(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(X, torch.where(K.isnan(), 0, K) if z.kw > 1 else K, z)


@planted("Y", "padding > 0, stride > 1: all of it on the left", about="padding stride")
def line_padded_on_the_left(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.s[1] == 1:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions_with(z, p=(0, 2 * z.p[1])))
