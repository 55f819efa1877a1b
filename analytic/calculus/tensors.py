"""The tensors of one geometry."""

from __future__ import annotations

from dataclasses import dataclass

from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Names, Tensor


@dataclass(frozen=True)
class Tensors:
    """Input, kernel, output, upstream gradient and bias, as symbols.

    Indexed in full: X by (n, c, u, v), K by (o, c, a, b), Y and G by (n, o, i, j), b by (o,).
    """

    X: Tensor
    K: Tensor
    Y: Tensor
    G: Tensor  # ∂C/∂Y
    b: Tensor | None  # None where the geometry has no bias

    @classmethod
    def make(cls, geometry: Geometry, names: Names) -> Tensors:
        """Name all elements.

        Example:
            >>> Tensors.make(Geometry((2, 3), (1, 2)), Names()).X[0, 0, 1, 2]
            X_{1,2}
        """
        N, O = geometry.batch, geometry.out_channels

        def make(name: str, *shape: int) -> Tensor:
            return Tensor.make(name, shape, all_indices=names.all_indices)

        return cls(
            X=make(names.input, N, geometry.in_channels, *geometry.input),
            K=make(names.kernel, O, geometry.group_inputs, *geometry.kernel),
            Y=make(names.output, N, O, *geometry.output),
            G=make(names.upstream, N, O, *geometry.output),
            b=Tensor.make(names.bias, (O,)) if geometry.bias else None,
        )
