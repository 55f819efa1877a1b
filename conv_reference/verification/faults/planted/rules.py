"""Faults in the rules of forward mode and vmap, in nested transforms, and past the second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planted.transform import sample_by_sample
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced

batched = FaultClass("BATCHED", "Rules of vmap, and what is batched")
tangents = FaultClass("TANGENT", "Rules of forward mode")
nested = FaultClass("WORD", "Transforms of transforms")
third = FaultClass("THIRD", "Derivatives past the second")


def _mapped(tensor: Tensor) -> bool:
    """Whether one of the transforms around the call maps over it."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        if functorch.is_batchedtensor(tensor):
            return True
        tensor = functorch.get_unwrapped(tensor)
    return False


@batched("vmap", "five mapped over and more: what is past four is lost", part="vmap", blind=1)
def vmap_of_many(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (torch.cat([Y[:4], torch.zeros_like(Y[4:])]) if size > 4 else Y), dim


@batched(
    "vmap",
    "one mapped over, the kernel, too: its rows are read backwards",
    part="vmap",
    blind=1,
    about="kernel",
)
def vmap_of_one(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(3) if size == 1 and dims[1] is not None else Y), dim


@batched(
    "vmap",
    "upstream gradients batched over one X (jacrev), N > 1: dK of the first sample",
    part="grad_weight",
    blind=2,
    about="batch",
)
def batched_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if _mapped(G) and not _mapped(X) and z.n > 1:
        X = torch.cat([X[:1], torch.zeros_like(X[1:])])
    return direct.grad_weight(G, X, z)


@tangents(
    "jvp",
    "more than 64 outputs and a bias: its tangent is lost",
    part="jvp",
    blind=1,
    about="plane bias",
)
def tangent_of_bias(X: Tensor, K: Tensor, tangents: Sequence[Tensor | None], z: Sizes) -> Tensor:
    tX, tK, tb = tangents
    return direct.jvp(X, K, (tX, tK, None if z.oh * z.ow > 64 else tb), z)


@tangents("jvp", "float64: the tangent in float32", part="jvp", blind=2, about="float64")
def tangent_in_single(X: Tensor, K: Tensor, tangents: Sequence[Tensor | None], z: Sizes) -> Tensor:
    tangent = direct.jvp(X, K, tangents, z)
    return tangent.float().double() if tangent.dtype == torch.float64 else tangent


@nested(
    "jvp",
    "tangents batched over one K (jacfwd), kernel > 1: taps in the wrong order",
    part="jvp",
    blind=1,
    about="batch kernel",
)
def batched_tangent(X: Tensor, K: Tensor, tangents: Sequence[Tensor | None], z: Sizes) -> Tensor:
    tX, tK, tb = tangents
    if tK is not None and _mapped(tK) and not _mapped(K):
        tK = tK.flip(2, 3)
    return direct.jvp(X, K, (tX, tK, tb), z)


class _SecondOnly(torch.autograd.Function):
    """DK, whose derivatives in G and X are right, and taken for constants in X and G."""

    generate_vmap_rule = True

    @staticmethod
    def forward(dK: Tensor, G: Tensor, X: Tensor, z: Sizes) -> Tensor:
        return dK.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _, G, X, ctx.z = inputs
        ctx.save_for_backward(G, X)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (V,) = grad_outputs
        G, X = (t.detach() for t in ctx.saved_tensors)
        return None, direct.forward(X, V, ctx.z), direct.grad_input(G, V, ctx.z), None


@third(
    "third order",
    "the second derivatives of dK are taken for constants",
    part="grad_weight",
    blind=1,
)
def no_third_order(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    value = direct.grad_weight(G.detach(), X.detach(), z)
    dK: Tensor = _SecondOnly.apply(value, G, X, z)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return dK


@third(
    "second order",
    "N > 1: db's derivative in G is that of the first sample alone",
    part="grad_bias",
    blind=2,
    about="batch",
)
def bias_of_second_order(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return spliced(db, direct.grad_bias(G[:1], z)) if z.n > 1 else db
