"""What double backward needs: the gradients of the gradients.

Let V come down for ∂C/∂X, W for ∂C/∂K and Z for ∂C/∂b. Double backward differentiates
S = ⟨V, ∂C/∂X⟩ + ⟨W, ∂C/∂K⟩ + ⟨Z, ∂C/∂b⟩ by ∂C/∂Y, X and K.
"""

from __future__ import annotations

from dataclasses import dataclass

from analytic.calculus.closed_form import (
    ClosedForm,
    check,
    forward,
    input_gradient,
    kernel_gradient,
    totals,
)
from analytic.calculus.differentiation import gradients
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Elements, Tensor, sharing_products, terms


@dataclass(frozen=True)
class SecondOrder:
    """The gradients of S, by differentiation, each with the closed form that it turns out to be."""

    input_upstream: Tensor  # V
    kernel_upstream: Tensor  # W
    bias_upstream: Tensor | None  # Z, where there is a bias
    by_upstream: Elements  # ∂S/∂G, where G = ∂C/∂Y
    by_input: Elements  # ∂S/∂X
    by_kernel: Elements  # ∂S/∂K
    upstream_form: ClosedForm  # V with K, W with X, as in the forward pass; and Z
    input_form: ClosedForm  # the input's gradient, with W for the kernel
    kernel_form: ClosedForm  # the kernel's gradient, with V for the input


@sharing_products
def second_order(
    geometry: Geometry,
    tensors: tuple[Tensor, Tensor, Tensor],
    upstreams: tuple[Tensor, Tensor, Tensor | None],
    first: tuple[Elements, Elements, Elements | None],
) -> SecondOrder:
    """Differentiate S and check the closed forms.

    Args:
        geometry: The sizes.
        tensors: X, K and G.
        upstreams: V, W and Z; Z is None without a bias.
        first: ∂C/∂X, ∂C/∂K and ∂C/∂b, by the chain rule.
    """
    X, K, G = tensors
    V, W, Z = upstreams
    scalar = (
        (upstream[index], term)
        for upstream, elements in zip(upstreams, first, strict=True)
        if upstream is not None and elements is not None
        for index, expression in elements.items()
        for term in terms(expression)
    )
    by_upstream, by_input, by_kernel = gradients(scalar, (G, X, K))
    claim = forward(geometry, V, K)
    for index, listed in forward(geometry, X, W).items():
        claim[index].extend(listed)
        if Z is not None:
            claim[index].append(Z[index[1:2]])
    return SecondOrder(
        V,
        W,
        Z,
        by_upstream,
        by_input,
        by_kernel,
        check(totals(claim), by_upstream),
        check(input_gradient(geometry, G, W), by_input),
        check(kernel_gradient(geometry, V, G), by_kernel),
    )
