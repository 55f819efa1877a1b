"""Right convolutions whose derivatives are written by hand, in unusual ways."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Gradients, Parts, Sizes


def _through_output(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """DX as the derivative of Y that autograd takes."""
    X = torch.zeros(z.n, z.c, z.h, z.w, dtype=G.dtype, requires_grad=True)
    with torch.enable_grad():
        Y = direct.forward(X, K, z)
        (dX,) = torch.autograd.grad(Y, X, G, create_graph=True)
    return dX


def _all_at_once(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    """All three computed, whichever are asked for."""
    computed = [one() for one in direct.gradients(parts, ctx, G, X, K)]
    return (lambda: computed[0]), (lambda: computed[1]), (lambda: computed[2])


def _bias_by_product(G: Tensor, z: Sizes) -> Tensor:
    """A product with ones in place of a sum."""
    flat = G.transpose(0, 1).flatten(1)
    return flat @ torch.ones(flat.shape[1], dtype=G.dtype)


def _weight_by_samples(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """A sum over samples, one after another."""
    flat = G.unflatten(1, (z.g, z.og))
    each = torch.einsum("ngcijab,ngoij->ngocab", direct.windows(X, z), flat)
    return each.sum(0).flatten(0, 1)


def _answer_in_strides(Y: Tensor, z: Sizes) -> Tensor:
    """Y with gaps between its numbers."""
    return torch.stack([Y, torch.zeros_like(Y)], dim=-1)[..., 0]


input_gradient_by_autograd = direct.convolution(Parts(grad_input=_through_output))
all_gradients_at_once = direct.convolution(Parts(gradients=_all_at_once))
bias_gradient_by_product = direct.convolution(Parts(grad_bias=_bias_by_product))
weight_gradient_by_samples = direct.convolution(Parts(grad_weight=_weight_by_samples))
answers_with_gaps = direct.convolution(Parts(finish=_answer_in_strides))
