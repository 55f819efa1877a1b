"""A convolution of ones put to an adapter: Y, and each transform of it, with what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.frameworks.contract import OPTIONS, Framework
from conv_reference.verification.frameworks.convolving import Convolution
from conv_reference.verification.frameworks.lifting import Node

_MAPPED = 7  # slices of what is mapped over


@dataclass(frozen=True)
class Question:
    """One call of an adapter's method, and the shapes of what it should answer."""

    method: str  # "vjp"
    geometry: Geometry
    node: Node
    given: tuple[Tensor, ...]
    names: tuple[str, ...]  # of the answers: "dX"
    shapes: tuple[tuple[int, ...], ...]


class Ones:
    """Operands of ones.

    Args:
        framework: whose convolution.
        geometry: of the case.
        biased: whether there is a bias.
        dtype: by default the first that the adapter offers.
    """

    def __init__(
        self, framework: Framework, geometry: Geometry, biased: bool, dtype: str = ""
    ) -> None:
        self.geometry = geometry
        options = {name: getattr(geometry, name) for name in OPTIONS[1:]}
        self._node = Node(framework, Convolution(framework, biased, options))
        kind: torch.dtype = getattr(torch, dtype or framework.dtypes[0])
        shapes = (geometry.input_shape, geometry.weight_shape, (geometry.out_channels,))
        given = tuple(torch.ones(shape, dtype=kind) for shape in shapes)
        self._given = given if biased else given[:2]
        self._Y = torch.ones(geometry.output_shape, dtype=kind)

    def answer(self) -> Question:
        """Y."""
        return self._question("conv", self._node, self._given, {"Y": self._Y})

    def gradients(self, *, of_x: bool = True) -> Question:
        """The gradients of all operands, or of all but X."""
        wanted = (of_x, *(True for _ in self._given[1:]))
        every = zip(("dX", "dK", "db"), self._given, wanted, strict=False)
        named = {name: operand for name, operand, is_wanted in every if is_wanted}
        node, given = self._node.pullback(1, wanted), (self._Y, *self._given)
        return self._question("vjp", node, given, named)

    def tangent(self) -> Question:
        """That of Y, of the tangents of all operands."""
        node = self._node.pushforward(1, tuple(True for _ in self._given))
        return self._question("jvp", node, (*self._given, *self._given), {"the tangent": self._Y})

    def mapped(self) -> Question:
        """Y of several X, which lie along their second dimension."""
        X, *others = self._given
        node = self._node.mapped((1, *(None for _ in others)))
        several = torch.stack([X] * _MAPPED, 1), *others
        return self._question("vmap", node, several, {"Y": torch.stack([self._Y] * _MAPPED)})

    def _question(
        self, method: str, node: Node, given: Sequence[Tensor], like: Mapping[str, Tensor]
    ) -> Question:
        shapes = tuple(tuple(tensor.shape) for tensor in like.values())
        return Question(method, self.geometry, node, tuple(given), tuple(like), shapes)
