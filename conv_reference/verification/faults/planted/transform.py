"""Faults in the rules of forward mode, vmap and double backward that every use of them may meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("TRANSFORM", "Rules for forward mode, vmap and double backward")


@planted("jvp", "stride > 1: the tangent of K is lost", part="jvp", about="stride")
def tangent_of_input_only(
    X: Tensor, K: Tensor, tangents: Sequence[Tensor | None], z: Sizes
) -> Tensor:
    tX, tK, tb = tangents
    lost = max(z.s) > 1 and tX is not None
    return direct.jvp(X, K, (tX, None if lost else tK, tb), z)


@planted(
    "vmap",
    "kernels batched, groups > 1: channels in the wrong order",
    part="vmap",
    about="groups batch kernel",
)
def batched_kernels(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(2), dim) if dims[1] is not None and z.g > 1 else (Y, dim)


@planted("vmap", "the input's in_dim taken for 0", part="vmap")
def in_dim_taken_for_zero(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    if dims[0] and X.shape[0] == X.shape[dims[0]]:
        dims = (0, *dims[1:])
    return sample_by_sample(apply, size, dims, X, K, b, z)


@planted("second order", "stride > 1: G taken for a constant", part="grad_weight", about="stride")
def constant_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return direct.grad_weight(G.detach() if max(z.s) > 1 else G, X, z)


@planted("second order", "padding > 0: K taken for a constant", part="grad_input", about="padding")
def constant_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(G, K.detach() if max(z.p) > 0 else K, z)


@planted(
    "second order", "C > 1: a copy of X is saved, cut from its graph", part="keep", about="channels"
)
def saves_a_copy(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    return (X.detach().clone() if z.c > 1 else X), K


def sample_by_sample(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    """A vmap rule that is right: one call for each sample."""
    each = [
        apply(
            *(
                value if dim is None else value.select(dim, place)
                for value, dim in zip((X, K, b), dims[:3], strict=True)
            ),
            z,
        )
        for place in range(size)
    ]
    return torch.stack(each), 0
