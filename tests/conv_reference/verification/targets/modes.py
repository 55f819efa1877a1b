# Functions of torch.autograd are untyped.
# mypy: disable-error-code="no-untyped-call, no-any-return, override"

"""Convolutions whose modes of differentiation are broken, each in one line; and how to ask them."""

from __future__ import annotations

from typing import Any

import torch
from convolved import CONVOLVED
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

SIZES = "n2 c2 h4 w5 o2 k3x2 p1"


def ask(
    implementation: Any,
    check: str,
    dtype: str = "float64",
    geometry: str = SIZES,
    *,
    allowed_bits: int | None = None,
    seed: int = 1,
) -> tuple[Judgement, ...]:
    """Put one case of a check to an implementation."""
    target = as_target(implementation)
    case = target.restrict(Case.parse(f"{check} {dtype} {geometry}"))
    return judge_case(target, case, Settings(seed=seed, device="cpu", allowed_bits=allowed_bits))


def dtypes_of(implementation: Any) -> tuple[str, ...]:
    """All of its own for torch's function; one for what is checked beside it."""
    return tuple(CONVOLVED) if implementation is conv2d else ("float32",)


def verdicts(judgements: tuple[Judgement, ...]) -> set[Verdict]:
    """All that were given."""
    return {judgement.verdict for judgement in judgements}


def wrong(judgements: tuple[Judgement, ...]) -> set[str]:
    """The quantities that are wrong."""
    return {judgement.quantity for judgement in judgements if judgement.verdict == Verdict.WRONG}


class Right(torch.autograd.Function):
    """Right in every mode; stride, padding and dilation are left out."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)

    @staticmethod
    def jvp(ctx: Any, V: Tensor | None, W: Tensor | None) -> Any:
        X, K = ctx.saved_tensors
        along_X = 0 if V is None else conv2d(V, K)
        return along_X + (0 if W is None else conv2d(X, W))


class ForgetsWeightTangent(Right):
    @staticmethod
    def jvp(ctx: Any, V: Tensor | None, W: Tensor | None) -> Any:
        X, K = ctx.saved_tensors
        return torch.zeros_like(conv2d(X, K)) if V is None else conv2d(V, K)


class DetachesTangent(Right):
    """The tangent is right, but its derivative in K is lost."""

    @staticmethod
    def jvp(ctx: Any, V: Tensor | None, W: Tensor | None) -> Any:
        X, K = ctx.saved_tensors
        along_X = 0 if V is None else conv2d(V, K.detach())
        return along_X + (0 if W is None else conv2d(X, W))


class GradientTakenForConstant(Right):
    """The double backward pass takes G for a constant."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G.detach()), conv2d_weight(X, K.shape, G.detach())


class ForgetsCrossTerm(Right):
    """dX is not differentiated in K."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K.detach(), G), conv2d_weight(X, K.shape, G)


class FollowsG(Right):
    """Its gradients have a graph where G has one, and in no other case."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        with torch.set_grad_enabled(torch.is_grad_enabled() and G.requires_grad):
            return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class FollowsGForX(Right):
    """The same of dX alone."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dX, _ = FollowsG.backward(ctx, G)
        return dX, conv2d_weight(X, K.shape, G)


class CutOff(Right):
    """Its gradients have no graph, and nothing says so."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = (t.detach() for t in ctx.saved_tensors)
        return conv2d_input(X.shape, K, G.detach()), conv2d_weight(X, K.shape, G.detach())


class TakesXForConstant(Right):
    """dK is not differentiated in X."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G), conv2d_weight(X.detach(), K.shape, G)


class ForgetsCrossTermInOneStep(torch.autograd.Function):
    """The same fault as of ``ForgetsCrossTerm``, in a Function that torch.func refuses."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    backward = ForgetsCrossTerm.backward


class CutOffInOneStep(ForgetsCrossTermInOneStep):
    backward = CutOff.backward


class Once(Right):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class Clamped(Right):
    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G.clamp(min=0)), conv2d_weight(X, K.shape, G)


class ReadsAsContiguous(Right):
    """Takes G's memory for contiguous where its size allows."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        if G.stride() != torch.empty(G.shape).stride():
            G = G.transpose(2, 3).reshape(G.shape)
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class Overwrites(Right):
    """Each backward pass hands out the same buffer for dK."""

    buffer: Tensor | None = None

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        fresh = conv2d_weight(X, K.shape, G)
        if Overwrites.buffer is None or Overwrites.buffer.shape != fresh.shape:
            Overwrites.buffer = torch.zeros_like(fresh)
        Overwrites.buffer += fresh
        return conv2d_input(X.shape, K, G), Overwrites.buffer


class Clipped(Right):
    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        bound = 2.0**24
        return conv2d_input(X.shape, K, G).clamp(-bound, bound), conv2d_weight(X, K.shape, G)


class ClippedInHalf(Right):
    """Right in float32 and float64."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        G = G.clamp(-8, 8) if G.dtype.itemsize == 2 else G
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class LosesABitInHalf(Right):
    """From 5 on every upstream gradient is even; right in float32 and float64."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        if G.dtype.itemsize == 2:
            G = torch.where(G.abs() < 5, G, (G / 2).round() * 2)
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class RoundsLarge(Right):
    """In dX one unit too much above 2^10; smaller answers are exact."""

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dX = conv2d_input(X.shape, K, G)
        dX = torch.where(dX.abs() > 2**10, dX + dX * 2**-10, dX)
        return dX, conv2d_weight(X, K.shape, G)


class StaleWhereUndefined(Right):
    """Without an upstream gradient it answers ones."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        Right.setup_context(ctx, inputs, output)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, G: Tensor | None) -> Any:
        X, K = ctx.saved_tensors
        if G is None:
            return torch.ones_like(X), torch.ones_like(K)
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class WrongBatchingRule(Right):
    """Folds what is mapped over X into the batch, and forgets it on the way out for K."""

    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], X: Tensor, K: Tensor) -> Any:
        size = info.batch_size
        X = X.expand(size, *X.shape) if in_dims[0] is None else X.movedim(in_dims[0], 0)
        K = K if in_dims[1] is None else K.movedim(in_dims[1], 0)[0]
        Y = WrongBatchingRule.apply(X.flatten(0, 1), K)
        return Y.unflatten(0, (size, -1)), 0


class _WeightGradient(torch.autograd.Function):
    """Its batching rule shares one gradient among all that is mapped over."""

    @staticmethod
    def forward(X: Tensor, G: Tensor, shape: torch.Size) -> Tensor:
        return conv2d_weight(X, shape, G)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Tensor, G: Tensor, shape: torch.Size) -> Any:
        X, G = (
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in ((X, in_dims[0]), (G, in_dims[1]))
        )
        total = conv2d_weight(X.flatten(0, 1), shape, G.flatten(0, 1))
        return (total / info.batch_size).expand(info.batch_size, *shape), 0


class SharesGradients(Right):
    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return conv2d_input(X.shape, K, G), _WeightGradient.apply(X, G, K.shape)


def rounded_to(tensor: Tensor, bits: int) -> Tensor:
    """The significand rounded to so many bits after the leading one."""
    mantissa, exponent = torch.frexp(tensor.detach())
    rounded = torch.ldexp((mantissa * 2 ** (bits + 1)).round() / 2 ** (bits + 1), exponent)
    return tensor + (rounded - tensor.detach())  # exact, and its gradient is the identity's


def ten_bits(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """As TF32 multiplies."""
    return conv2d(rounded_to(input, 10), rounded_to(weight, 10), bias)


def seven_bits(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """As bfloat16 multiplies."""
    return conv2d(rounded_to(input, 7), rounded_to(weight, 7), bias)


def by_fft(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product of spectra, as a textbook has it."""
    height, width = input.shape[2:]
    size = (height, width)
    spectrum = torch.einsum(
        "nchw,ochw->nohw", torch.fft.rfft2(input, size), torch.fft.rfft2(weight, size).conj()
    )
    Y = torch.fft.irfft2(spectrum, size)
    Y = Y[:, :, : height - weight.shape[2] + 1, : width - weight.shape[3] + 1]
    return Y if bias is None else Y + bias[:, None, None]


# F(6×6, 3×3), from the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity (Lavin and Gray).
_BT = (
    (1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0),
    (0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0),
    (0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0),
    (0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0),
    (0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0),
    (0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0),
    (0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0),
    (0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1),
)
_G = (
    (1, 0, 0),
    (-2 / 9, -2 / 9, -2 / 9),
    (-2 / 9, 2 / 9, -2 / 9),
    (1 / 90, 1 / 45, 2 / 45),
    (1 / 90, -1 / 45, 2 / 45),
    (32 / 45, 16 / 45, 8 / 45),
    (32 / 45, -16 / 45, 8 / 45),
    (0, 0, 1),
)
_AT = (
    (1, 1, 1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0),
    (0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0),
    (0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0),
    (0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0),
    (0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1),
)


def by_winograd(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """F(6×6, 3×3), the largest tile in use; for 3×3 kernels alone."""
    BT, G, AT = (torch.tensor(m, dtype=input.dtype) for m in (_BT, _G, _AT))
    height, width = input.shape[2] - 2, input.shape[3] - 2
    down, across = -(-height // 6), -(-width // 6)
    room = (0, across * 6 - width, 0, down * 6 - height)
    tiles = torch.nn.functional.pad(input, room).unfold(2, 8, 6).unfold(3, 8, 6)
    product = torch.einsum("ocij,ncpqij->nopqij", G @ weight @ G.T, BT @ tiles @ BT.T)
    Y = (AT @ product @ AT.T).permute(0, 1, 2, 4, 3, 5)
    Y = Y.reshape(len(input), len(weight), down * 6, across * 6)[:, :, :height, :width]
    return Y if bias is None else Y + bias[:, None, None]
