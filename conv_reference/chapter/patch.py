"""Exercise 3: the symbolic gradients with the pixels of one real patch plugged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from analytic import Geometry as SymbolicGeometry
from analytic import derive
from conv_reference import functional
from conv_reference.chapter.sliding import element, partial
from conv_reference.chapter.worked import letters
from conv_reference.geometry import Geometry
from conv_reference.layer import ConvLayer_1

Elements = Mapping[tuple[int, ...], sp.Expr]
SIZE, KERNEL = (2, 3), (1, 2)


@dataclass(frozen=True)
class Element:
    """One element of a gradient, four times."""

    name: str  # of what C is differentiated by; LaTeX
    formula: sp.Expr  # in the symbols of the derivation
    plugged: str  # the same with its numbers, not yet computed; LaTeX
    symbolic: int
    autograd: int  # of the chapter's layer
    oracle: int  # functional's closed form

    @property
    def equation(self) -> str:
        """The element in LaTeX: formula, numbers, value."""
        formula = f"{partial('C', self.name)} = {letters(sp.latex(self.formula))}"
        return f"{formula} = {self.plugged} = {self.symbolic}"

    @property
    def agrees(self) -> bool:
        """Whether all three are the same integer."""
        return self.symbolic == self.autograd == self.oracle


@dataclass(frozen=True)
class PatchGradients:
    """∂C/∂K and ∂C/∂X on a real patch; integers, so that each way gives the same bits."""

    pixels: Int[Tensor, "2 3"]  # 0..255
    kernel: Int[Tensor, "1 2"]
    upstream: Int[Tensor, "2 2"]  # G
    by_kernel: tuple[Element, ...]
    by_input: tuple[Element, ...]

    @property
    def agree(self) -> bool:
        """Whether every element agrees."""
        return all(element.agrees for element in (*self.by_kernel, *self.by_input))


def liveliest(image: UInt8[Tensor, "h w"]) -> tuple[int, int]:
    """(row, column) of the 2×3 patch with the greatest variance, among those without black."""
    height, width = SIZE
    windows = image.double().unfold(0, height, 1).unfold(1, width, 1).flatten(2)
    variance = windows.var(dim=2).masked_fill(windows.amin(dim=2) == 0, -1)
    row, column = divmod(int(variance.argmax()), windows.shape[1])
    return row, column


def gradients(pixels: Int[Tensor, "2 3"]) -> PatchGradients:
    """The gradients by derivation, by autograd and by the oracle.

    K = (-1, 1) is the smallest edge detector; G is 2(Y - T)/4, the upstream gradient of the
    chapter's loss, times 4 and with T = 0, so that it stays whole.
    """
    kernel = torch.tensor([[-1, 1]])
    X = pixels.double().requires_grad_()
    layer = ConvLayer_1(KERNEL).double()
    layer.kernel.data.copy_(kernel)
    Y = layer(X[None])[0]
    upstream = 2 * Y.detach()
    dX, dK = torch.autograd.grad(Y, (X, layer.kernel), upstream)
    geometry = Geometry(input_size=SIZE, kernel_size=KERNEL)
    G, K = upstream[None, None], kernel.double()[None, None]
    oracle_dX = functional.grad_input(G, K, geometry)
    oracle_dK = functional.grad_weight(G, X.detach()[None, None], geometry)

    derivation = derive(SymbolicGeometry(input=SIZE, kernel=KERNEL))
    whole = upstream.long()
    numbers = {
        **_named(derivation.X.symbols, pixels),
        **_named(derivation.K.symbols, kernel),
        **_named(derivation.G.symbols, whole),
    }
    return PatchGradients(
        pixels,
        kernel,
        whole,
        _elements("K", derivation.gradient_kernel.elements, numbers, dK, oracle_dK),
        _elements("X", derivation.gradient_input.elements, numbers, dX, oracle_dX),
    )


def _in_order(elements: Elements) -> list[sp.Expr]:
    return [elements[index] for index in sorted(elements)]


def _named(symbols: Elements, values: Tensor) -> dict[sp.Expr, int]:
    return dict(zip(_in_order(symbols), values.flatten().tolist(), strict=True))


def _elements(
    letter: str, formulas: Elements, numbers: dict[sp.Expr, int], autograd: Tensor, oracle: Tensor
) -> tuple[Element, ...]:
    return tuple(
        Element(
            name=element(letter, (index[-2], index[-1])),
            formula=formulas[index],
            plugged=_plugged(formulas[index], numbers),
            symbolic=int(formulas[index].subs(numbers)),
            autograd=int(by_autograd),
            oracle=int(by_oracle),
        )
        for index, by_autograd, by_oracle in zip(
            sorted(formulas),
            autograd.flatten().tolist(),
            oracle.flatten().tolist(),
            strict=True,
        )
    )


def _plugged(formula: sp.Expr, numbers: dict[sp.Expr, int]) -> str:
    """The formula in LaTeX, with numbers for symbols; negative ones in brackets."""

    def write(symbol: sp.Expr) -> str:
        number = numbers[symbol]
        return str(number) if number >= 0 else f"({{{number}}})"

    terms = (r" \cdot ".join(map(write, term.args)) for term in sp.Add.make_args(formula))
    return " + ".join(terms)
