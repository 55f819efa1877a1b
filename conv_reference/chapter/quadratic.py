"""Exercise 1 in symbols: the chapter's loss on its 2×3 input and 1×2 kernel, differentiated."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class Quadratic:
    """The derivation, each step an expression of sympy."""

    loss: sp.Expr  # L, as the chapter writes it: the mean of (my - target)²
    hessian: sp.Matrix  # ∂²L/∂K², found by differentiating L twice
    moment: sp.Matrix  # A, the mean of p pᵀ over the patches
    step: sp.Expr  # what one step of descent makes of a difference along an eigenvector
    stable: sp.Basic  # the condition under which that shrinks

    @property
    def holds(self) -> bool:
        """Whether the curvature is 2 A, and the loss is dᵀ A d; by sympy's expansion."""
        return bool((self.hessian - 2 * self.moment).expand() == sp.zeros(*self.moment.shape))


def derive_quadratic() -> Quadratic:
    """Differentiate the loss, and solve for the learning rates that are stable.

    >>> derive_quadratic().holds
    True
    >>> derive_quadratic().stable
    \u03b7 < 1/\u03bb
    """
    pixels = [[sp.Symbol(f"X_{{{i}{j}}}", real=True) for j in range(3)] for i in range(2)]
    kernel = sp.symbols("K_0 K_1", real=True)
    fixed = sp.symbols("K^*_0 K^*_1", real=True)
    patches = [sp.Matrix(pixels[i][j : j + 2]) for i in range(2) for j in range(2)]
    mine, target = sp.Matrix(kernel), sp.Matrix(fixed)
    count = sp.Integer(len(patches))
    loss = sum(((p.dot(mine) - p.dot(target)) ** 2 for p in patches), sp.Integer(0)) / count
    moment = sum((p * p.T for p in patches), sp.zeros(2, 2)) / count
    rate, curvature = sp.symbols("\u03b7 \u03bb", positive=True)
    amount = sp.Symbol("d", real=True)
    factor = sp.expand((amount - rate * sp.diff(curvature * amount**2, amount)) / amount)
    # |factor| < 1 is -1 < factor < 1, and the right half holds since η and λ are positive.
    (limit,) = sp.solve(factor + 1, rate)
    return Quadratic(
        loss=loss,
        hessian=sp.hessian(loss, kernel),
        moment=moment,
        step=amount * factor,
        stable=sp.Lt(rate, limit),
    )
