"""One equation in place of many: random combinations over the batch and over the channels.

Convolution is bilinear, so weights u over the samples, r over the output channels and v over the
input channels collapse a whole layer to one channel::

    Σ_{n,o} u_n r_o Y[n,o]   =  conv(Σ_n u_n X[n], Σ_o r_o K[o])  + (Σ u)(Σ_o r_o b_o)
    Σ_{n,c} u_n v_c dX[n,c]  =  adjoint of conv in X, of Σ_n u_n G[n] and Σ_c v_c K[:,c]
    Σ_{o,c} r_o v_c dK[o,c]  =  correlation of Σ_c v_c X[:,c] with Σ_o r_o G[:,o], over all samples
    Σ_o r_o db_o             =  the sum of Σ_o r_o G[:,o]

at each pixel or tap. Each large tensor is read about once; the small rest is the oracle's, in
float64, on a convolution of one channel. The technique is Freivalds' ("Probabilistic machines can
use less running time", 1977); in fault tolerance it is known as algorithm-based (Huang and
Abraham, 1984).

Over integers nothing rounds while the sums stay below 2^53, as they do of operands that are exact
in float32 or less. An error that is a bilinear form in two of the weights, and not zero, vanishes
with probability at most 1 - (1 - 1/q)², q the number of values of a weight (Schwartz and Zippel).
An error in one element alone is never missed, for no weight is zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.planes import FEW, is_channels_last, of_one, output_of_one, taps_of

# Elements of a block that is read at a time, of which a small part is left: each costs some calls.
_BLOCK = 2**20
# Where nothing is added up all of it is left, in float64: it stays in the cache for all taps.
_BLOCK_KEPT = 2**18
# On another device it is the launches that cost, and memory is what there is.
_BLOCK_ELSEWHERE = 2**26
# Integers below it are exact in float32 sums in any order, and so are those with an error as large.
_EXACT = 2**23


@dataclass(frozen=True)
class Weights:
    """What the samples and the channels are combined with: integers, none of them zero."""

    samples: Float[Tensor, " n"]  # u, float64
    outputs: Float[Tensor, " o"]  # r
    inputs: Float[Tensor, " c"]  # v
    magnitude: int  # the greatest absolute value

    @property
    def miss_bound(self) -> float:
        """The probability that an error, bilinear in two of them, vanishes, at most."""
        return 1 - (1 - 1 / (2 * self.magnitude)) ** 2


def draw_weights(
    geometry: Geometry, *, seed: int, magnitude: int = 8, device: torch.device | str = "cpu"
) -> Weights:
    """Weights from -magnitude to magnitude without 0, each as likely as the others.

    Args:
        geometry: the sizes.
        seed: at least 0.
        magnitude: at least 1; of 1 a miss has probability up to 3/4, of 8 up to 0.13.
        device: where they lie.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = geometry.batch, geometry.out_channels, geometry.in_channels
    samples, outputs, inputs = (
        _without_zero(size, magnitude, generator).to(device, torch.float64) for size in sizes
    )
    return Weights(samples, outputs, inputs, magnitude)


def _without_zero(size: int, magnitude: int, generator: torch.Generator) -> Tensor:
    values = torch.randint(-magnitude, magnitude, (size,), generator=generator)
    return values.add_(values >= 0)


@dataclass(frozen=True)
class Equation:
    """What a combination should be, and what it is; both in float64."""

    expected: Tensor
    actual: Tensor
    # The root of the sum of the squared products of the combined operands, where it was asked for:
    # what rounding leaves in the residual is in proportion to it.
    spread: Tensor | None = None

    @property
    def holds(self) -> bool:
        """Whether both are the same to the bit; never where there is a NaN."""
        return torch.equal(self.expected, self.actual)

    @property
    def residual(self) -> Tensor:
        """By how much it is off, at each pixel or tap."""
        return self.actual - self.expected


@dataclass(frozen=True)
class Combination:
    """The equations of one layer.

    Args of its methods have the shapes of ``geometry``, any layout, any floating dtype.
    ``largest`` bounds the absolute values of a tensor's elements: where the sums stay exact in
    float32 it is read in float32, at the speed of memory, otherwise in float64. Where it is not
    given, ``fast`` says in which.
    """

    geometry: Geometry
    weights: Weights
    # Of operands that round anyway: sums may round in float32, and each equation has its spread.
    fast: bool = False

    def output(
        self,
        input: Num[Tensor, "n c h w"],
        weight: Num[Tensor, "o c_per_group kh kw"],
        bias: Num[Tensor, " o"] | None,
        output: Num[Tensor, "n o oh ow"],
        *,
        largest: tuple[float, float] | None = None,
    ) -> Equation:
        """Of Y: (H', W').

        Args:
            input: X.
            weight: K.
            bias: b, or None.
            output: Y.
            largest: of X and of Y.
        """
        w, (of_X, of_Y) = self.weights, largest or (None, None)
        Xu = self._over_samples(input, of_X)
        K = self._kernel_over_outputs(weight)[0]
        expected = output_of_one(Xu, K, self.geometry)
        if bias is not None:
            expected = expected + w.samples.sum() * (w.outputs @ bias.to(torch.float64))
        spread = output_of_one(Xu.square(), K.square(), self.geometry) if self.fast else None
        return Equation(expected, self._over_both(output, w.outputs, of_Y), _root(spread))

    def grad_input(
        self,
        grad_output: Num[Tensor, "n o oh ow"],
        weight: Num[Tensor, "o c_per_group kh kw"],
        grad_input: Num[Tensor, "n c h w"],
        *,
        bias: Num[Tensor, " c"] | None = None,
        largest: tuple[float, float] | None = None,
    ) -> Equation:
        """Of dX: (H, W).

        Args:
            grad_output: G.
            weight: K.
            grad_input: dX.
            bias: what each channel of dX has added, where it is a transposed convolution's Y.
            largest: of G and of dX.
        """
        of_G, of_dX = largest or (None, None)
        Gu = self._over_samples(grad_output, of_G)
        alone = of_one(self.geometry, 1, outputs=self.geometry.out_channels)
        K = self._kernel_over_inputs(weight)
        expected = functional.grad_input(Gu[None], K, alone)[0, 0]
        if bias is not None:
            w = self.weights
            expected = expected + w.samples.sum() * (w.inputs @ bias.to(torch.float64))
        actual = self._over_both(grad_input, self.weights.inputs, of_dX)
        if not self.fast:
            return Equation(expected, actual)
        spread = functional.grad_input(Gu[None].square(), K.square(), alone)[0, 0]
        return Equation(expected, actual, _root(spread))

    def grad_parameters(
        self,
        grad_output: Num[Tensor, "n o oh ow"],
        input: Num[Tensor, "n c h w"],
        grad_weight: Num[Tensor, "o c_per_group kh kw"],
        grad_bias: Num[Tensor, " o"] | None,
        *,
        largest: tuple[float, float] | None = None,
    ) -> tuple[Equation, Equation | None]:
        """Of dK, (kh, kw), and of db, one number, for which G is read once.

        Args:
            grad_output: G.
            input: X.
            grad_weight: dK.
            grad_bias: db, or None.
            largest: of G and of X.
        """
        g, w, (of_G, of_X) = self.geometry, self.weights, largest or (None, None)
        kinds = self._kind(of_X, w.inputs), self._kind(of_G, w.outputs)
        taps, totals, squares, of_squares = _Sum(), _Sum(), _Sum(), _Sum()
        for part in _blocks(input, kept=g.groups == g.in_channels):
            X = _over_channels(input[part], w.inputs, g.groups, kinds[0])
            G = _over_channels(grad_output[part], w.outputs, g.groups, kinds[1])
            taps.add(taps_of(G, X, g))
            totals.add(G.sum())
            if self.fast:
                squares.add(taps_of(G.square(), X.square(), g))
                of_squares.add(G.square().sum())
        by_output = self._kernel_over_outputs(grad_weight)[0]  # (C, kh, kw)
        expected = taps.or_zeros(input, g.kernel_size)
        actual = (w.inputs @ by_output.reshape(len(by_output), -1)).reshape(g.kernel_size)
        spread = squares.or_zeros(input, g.kernel_size) if self.fast else None
        of_weight = Equation(expected, actual, _root(spread))
        if grad_bias is None:
            return of_weight, None
        spread = of_squares.or_zeros(input) if self.fast else None
        found = w.outputs @ grad_bias.to(torch.float64)
        return of_weight, Equation(totals.or_zeros(input), found, _root(spread))

    def grad_bias(
        self,
        grad_output: Num[Tensor, "n channels oh ow"],
        grad_bias: Num[Tensor, " channels"],
        *,
        weights: Float[Tensor, " channels"] | None = None,
        largest: float | None = None,
    ) -> Equation:
        """Of db: one number.

        Args:
            grad_output: G.
            grad_bias: db.
            weights: of the channels; r where not given.
            largest: of G.
        """
        r = self.weights.outputs if weights is None else weights
        total = torch.zeros((), dtype=torch.float64, device=grad_output.device)
        squares = torch.zeros_like(total)
        for part in _blocks(grad_output):
            G = _over_channels(grad_output[part], r, 1, self._kind(largest, r))
            total += G.sum()
            squares += G.square().sum() if self.fast else 0
        actual = r @ grad_bias.to(torch.float64)
        return Equation(total, actual, _root(squares) if self.fast else None)

    def _over_samples(self, tensor: Tensor, largest: float | None) -> Tensor:
        """Σ_n u_n T[n], in float64."""
        u = self.weights.samples
        if tensor.numel() <= FEW:
            return _over_samples(tensor, u, torch.float64)
        kind = self._kind(largest, u)
        if tensor.dtype == kind:  # read in place
            return _over_samples(tensor, u, kind).to(torch.float64)
        total = torch.zeros(tensor.shape[1:], dtype=torch.float64, device=tensor.device)
        for part in _blocks(tensor):
            total += _over_samples(tensor[part], u[part], kind)
        return total

    def _over_both(self, tensor: Tensor, weights: Tensor, largest: float | None) -> Tensor:
        """Σ_n Σ_c u_n w_c T[n, c], in float64."""
        u, kind, total = self.weights.samples, self._kind(largest, weights), _Sum()
        height, width = tensor.shape[2:]
        if tensor.numel() <= FEW:
            both, flat = torch.outer(u, weights).reshape(-1), tensor.to(torch.float64)
            return (both @ flat.reshape(len(both), height * width)).reshape(height, width)
        for part in _blocks(tensor):
            planes = _over_channels(tensor[part], weights, 1, kind)
            total.add((u[part] @ planes.reshape(-1, height * width)).reshape(height, width))
        return total.or_zeros(tensor, (height, width))

    def _kernel_over_outputs(self, weight: Tensor) -> Tensor:
        """Σ_o r_o K[o], of each group's own outputs: (1, C, kh, kw)."""
        g, (_, group_out) = self.geometry, self.geometry.group_channels
        K = weight.to(torch.float64).reshape(g.groups, group_out, -1)
        r = self.weights.outputs.reshape(g.groups, 1, group_out)
        return (r @ K).reshape(1, g.in_channels, *g.kernel_size)

    def _kernel_over_inputs(self, weight: Tensor) -> Tensor:
        """Σ_c v_c K[:, c], of each group's own inputs: (O, 1, kh, kw)."""
        g, (group_in, group_out) = self.geometry, self.geometry.group_channels
        K = weight.to(torch.float64).reshape(
            g.groups, group_out, group_in, math.prod(g.kernel_size)
        )
        v = self.weights.inputs.reshape(g.groups, 1, 1, group_in)
        return (v @ K).reshape(g.out_channels, 1, *g.kernel_size)

    def _kind(self, largest: float | None, weights: Tensor) -> torch.dtype:
        """The dtype to read in: float32 where its sums are exact, or where that is no matter."""
        if largest is None:
            return torch.float32 if self.fast else torch.float64
        exact = largest * self.weights.magnitude * max(len(weights), 1) < _EXACT
        return torch.float32 if exact else torch.float64


@dataclass
class _Sum:
    """Of the blocks' parts; mostly there is one block, to which nothing is to be added."""

    value: Tensor | None = None

    def add(self, part: Tensor) -> None:
        self.value = part if self.value is None else self.value.add_(part)

    def or_zeros(self, like: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
        """The sum; of no block zeros in float64, where the other tensor lies."""
        return like.new_zeros(shape, dtype=torch.float64) if self.value is None else self.value


def _root(squares: Tensor | None) -> Tensor | None:
    return None if squares is None else squares.clamp(min=0).sqrt()


def _blocks(tensor: Tensor, *, kept: bool = False) -> Iterator[slice]:
    """Samples that are read together; ``kept`` says that no channels of theirs are added up."""
    batch = tensor.shape[0]
    each = max(1, tensor[0].numel()) if batch else 1
    here = _BLOCK_KEPT if kept else _BLOCK
    size = max(1, (here if tensor.is_cpu else _BLOCK_ELSEWHERE) // each)
    for first in range(0, batch, size):
        yield slice(first, min(batch, first + size))


def _over_samples(block: Tensor, weights: Tensor, dtype: torch.dtype) -> Tensor:
    """Σ_n u_n T[n] of a block: (C, H, W)."""
    u, (n, c, h, w) = weights.to(dtype), block.shape
    if is_channels_last(block):
        flat = block.permute(0, 2, 3, 1).reshape(n, h * w * c).to(dtype)
        return (u @ flat).reshape(h, w, c).permute(2, 0, 1)
    return (u @ block.reshape(n, c * h * w).to(dtype)).reshape(c, h, w)


def _over_channels(block: Tensor, weights: Tensor, groups: int, dtype: torch.dtype) -> Tensor:
    """Σ_c w_c T[n, c] of each group: (n, groups, H, W), in float64."""
    n, c, h, w = block.shape
    if groups == c:  # nothing is added up: as it lies
        return block * weights[:, None, None]
    dtype = torch.float64 if block.numel() <= FEW else dtype
    if groups == 1 and is_channels_last(block):
        flat = block.permute(0, 2, 3, 1).reshape(n * h * w, c).to(dtype)
        return (flat @ weights.to(dtype)).reshape(n, 1, h, w).to(torch.float64)
    by_group = block.reshape(n, groups, c // groups, h * w).to(dtype)
    combined = weights.to(dtype).reshape(groups, 1, c // groups) @ by_group
    return combined.reshape(n, groups, h, w).to(torch.float64)
