"""A right convolution made of replaceable parts; it knows nothing of conv_reference.

The parts are plain torch over windows of the padded input, so autograd differentiates each of
them again. A mutant is this convolution with one part exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, pad

Pair = tuple[int, int]
Gradients = tuple[Callable[[], Tensor], Callable[[], Tensor], Callable[[], Tensor]]


@dataclass(frozen=True)
class Sizes:
    """The sizes of one convolution."""

    n: int
    c: int
    h: int
    w: int
    o: int
    kh: int
    kw: int
    s: Pair
    p: Pair
    d: Pair
    g: int

    @property
    def span(self) -> Pair:
        return self.d[0] * (self.kh - 1) + 1, self.d[1] * (self.kw - 1) + 1

    @property
    def oh(self) -> int:
        return (self.h + 2 * self.p[0] - self.span[0]) // self.s[0] + 1

    @property
    def ow(self) -> int:
        return (self.w + 2 * self.p[1] - self.span[1]) // self.s[1] + 1

    @property
    def rest(self) -> Pair:
        """The rows and columns that the last stride does not reach."""
        return (
            (self.h + 2 * self.p[0] - self.span[0]) % self.s[0],
            (self.w + 2 * self.p[1] - self.span[1]) % self.s[1],
        )

    @property
    def cg(self) -> int:
        return self.c // self.g

    @property
    def og(self) -> int:
        return self.o // self.g

    @property
    def depthwise(self) -> bool:
        return self.g > 1 and self.cg == 1


def pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def sizes(
    X: Tensor,
    K: Tensor,
    stride: int | Pair,
    padding: int | Pair,
    dilation: int | Pair,
    groups: int,
) -> Sizes:
    if X.dim() != 4 or K.dim() != 4:
        raise ValueError(f"four dimensions each, got {tuple(X.shape)} and {tuple(K.shape)}")
    n, c, h, w = X.shape
    o, _, kh, kw = K.shape
    return Sizes(n, c, h, w, o, kh, kw, pair(stride), pair(padding), pair(dilation), groups)


def check(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    """Refuse what is no convolution."""
    if min(z.s) < 1 or min(z.d) < 1 or min(z.p) < 0 or z.g < 1:
        raise ValueError(f"stride {z.s}, padding {z.p}, dilation {z.d} or groups {z.g} too small")
    if z.o % z.g or z.c != K.shape[1] * z.g:
        raise ValueError(f"{z.c} channels do not fit {tuple(K.shape)} in {z.g} groups")
    if z.h + 2 * z.p[0] < z.span[0] or z.w + 2 * z.p[1] < z.span[1]:
        raise ValueError("the kernel is larger than the padded input")
    for other in (K,) if b is None else (K, b):
        if other.dtype != X.dtype or other.device != X.device:
            raise ValueError("the operands differ in dtype or device")
    if b is not None and b.shape != (z.o,):
        raise ValueError(f"a bias of shape {tuple(b.shape)} for {z.o} channels")


def windows(X: Tensor, z: Sizes) -> Tensor:
    """(N, g, C/g, oh, ow, kh, kw): what each output reads."""
    padded = pad(X, (z.p[1], z.p[1], z.p[0], z.p[0]))
    view = padded.unfold(2, z.span[0], z.s[0]).unfold(3, z.span[1], z.s[1])
    split: Tensor = view[..., :: z.d[0], :: z.d[1]].unflatten(1, (z.g, z.cg))
    return split


def forward(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Y, without a bias."""
    K = K.unflatten(0, (z.g, z.og))
    return torch.einsum("ngcijab,gocab->ngoij", windows(X, z), K).flatten(1, 2)


def grad_input(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """DX: each output's share, added where its window read."""
    return gathered(shares(G, K, z), z)


def shares(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """(N, C, kh, kw, oh, ow): what each output gives back to each tap of its window."""
    K, G = K.unflatten(0, (z.g, z.og)), G.unflatten(1, (z.g, z.og))
    return torch.einsum("ngoij,gocab->ngcabij", G, K).flatten(1, 2)


def gathered(columns: Tensor, z: Sizes) -> Tensor:
    """The adjoint of ``windows``."""
    return fold(columns.flatten(4).flatten(1, 3), (z.h, z.w), (z.kh, z.kw), z.d, z.p, z.s)


def grad_weight(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """DK: each tap's product of G with what it read."""
    G = G.unflatten(1, (z.g, z.og))
    return torch.einsum("ngcijab,ngoij->gocab", windows(X, z), G).flatten(0, 1)


def grad_bias(G: Tensor, z: Sizes) -> Tensor:
    """Db: the sum over samples and positions."""
    return G.sum((0, 2, 3))


def gradients(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    """How dX, dK and db are computed, where they are asked for."""
    return (
        lambda: parts.grad_input(G, K, ctx.z),
        lambda: parts.grad_weight(G, X, ctx.z),
        lambda: parts.grad_bias(G, ctx.z),
    )


def answer(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> list[Any]:
    """The gradients that are asked for, and None for the others."""
    return [one() if need else None for need, one in zip(needs, compute, strict=True)]


def jvp(
    X: Tensor,
    K: Tensor,
    tangents: Sequence[Tensor | None],
    z: Sizes,
    of: Callable[[Tensor, Tensor, Sizes], Tensor] = forward,
) -> Tensor:
    """The tangent of Y: bilinear in X and K, as ``of`` computes it, and linear in b."""
    tX, tK, tb = tangents
    tangent = torch.zeros_like(of(X, K, z))
    if tX is not None:
        tangent = tangent + of(tX, K, z)
    if tK is not None:
        tangent = tangent + of(X, tK, z)
    return tangent if tb is None else tangent + tb[:, None, None]


def keep(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    """What the backward pass will read."""
    return X, K


def mark(ctx: Any, X: Tensor, K: Tensor) -> None:
    """What else the forward pass leaves to the backward pass: nothing."""


def finish(Y: Tensor, z: Sizes) -> Tensor:
    """Y as it is handed out; outside of the differentiable function."""
    return Y


def add_bias(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    return Y + b[:, None, None]


@dataclass(frozen=True)
class Parts:
    """What a convolution is made of."""

    check: Callable[..., None] = check
    forward: Callable[[Tensor, Tensor, Sizes], Tensor] = forward
    add_bias: Callable[[Tensor, Tensor, Sizes], Tensor] = add_bias
    grad_input: Callable[[Tensor, Tensor, Sizes], Tensor] = grad_input
    grad_weight: Callable[[Tensor, Tensor, Sizes], Tensor] = grad_weight
    grad_bias: Callable[[Tensor, Sizes], Tensor] = grad_bias
    gradients: Callable[..., Gradients] = gradients
    answer: Callable[..., list[Any]] = answer
    keep: Callable[[Tensor, Tensor, Sizes], tuple[Tensor, Tensor]] = keep
    mark: Callable[[Any, Tensor, Tensor], None] = mark
    jvp: Callable[..., Tensor] = jvp
    finish: Callable[[Tensor, Sizes], Tensor] = finish
    vmap: Callable[..., Any] | None = field(default=None)  # None: torch derives the rule
    unchecked: bool = False  # operands kept as attributes, where a change is not noticed


def differentiable(parts: Parts) -> Callable[..., Tensor]:
    """Of X, K, b and the sizes: Y with the derivatives that the parts make."""

    class Convolution(torch.autograd.Function):
        generate_vmap_rule = parts.vmap is None

        @staticmethod
        def forward(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> Tensor:
            Y = parts.forward(X, K, z)
            return Y if b is None else parts.add_bias(Y, b, z)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            X, K, _, ctx.z = inputs
            kept = parts.keep(X, K, ctx.z)
            ctx.kept = kept if parts.unchecked else None
            if not parts.unchecked:
                ctx.save_for_backward(*kept)
            ctx.save_for_forward(X, K)
            parts.mark(ctx, X, K)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
            (G,) = grad_outputs
            X, K = ctx.kept or ctx.saved_tensors
            compute = parts.gradients(parts, ctx, G, X, K)
            return *parts.answer(ctx.needs_input_grad[:3], compute), None

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Tensor:
            X, K = ctx.saved_tensors
            return parts.jvp(X, K, tangents[:3], ctx.z)

    if parts.vmap is not None:
        rule = parts.vmap

        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            return rule(Convolution.apply, info.batch_size, in_dims, *args)

        Convolution.vmap = staticmethod(vmap)  # type: ignore[method-assign]  # there is a rule only where a part has one
    return Convolution.apply


def convolution(parts: Parts) -> Callable[..., Tensor]:
    """The convolution made of these parts, with torch's signature."""
    apply = differentiable(parts)

    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        z = sizes(input, weight, stride, padding, dilation, groups)
        parts.check(input, weight, bias, z)
        return parts.finish(apply(input, weight, bias, z), z)

    return conv2d


conv2d = convolution(Parts())


class Layer(nn.Module):
    """The parameters and options of torch's layer; what it computes is a subclass's."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.options: Any = stride, padding, dilation, groups
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
