"""Targets for ``benchmarks/on_a_gpu.sh``: torch's own under other settings, and planted faults.

The variable CUDNN sets cuDNN in the processes that import this, as in "allow_tf32=0 benchmark=1".
"""

from __future__ import annotations

import os

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

for _setting in os.environ.get("CUDNN", "").split():
    _name, _, _value = _setting.partition("=")
    setattr(torch.backends.cudnn, _name, bool(int(_value)))

conv2d = functional.conv2d
conv_transpose2d = functional.conv_transpose2d


def lost(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Kernels of three rows read outside of a tensor: on a GPU an assertion fails there."""
    if weight.shape[2] == 3:
        place = torch.full((1,), 7, device=input.device)
        input = input + input.new_zeros(2)[place].sum()
    return functional.conv2d(input, weight, bias, stride, padding)


class _Unwritten(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input: Tensor, weight: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # torch's own
        ctx.save_for_backward(input, weight)
        return functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]  # as above
        input, weight = ctx.saved_tensors
        shape, sizes = tuple(input.shape), tuple(weight.shape)
        right = conv2d_weight(input, sizes, grad_output)
        dK = torch.empty_like(weight, memory_format=torch.contiguous_format)
        dK[..., :1] = right[..., :1]
        dK[..., 2:] = right[..., 2:]
        return conv2d_input(shape, weight, grad_output), dK


def unwritten(input: Tensor, weight: Tensor) -> Tensor:
    """Of dK the second column of taps is never written: it holds what lay there before."""
    return _Unwritten.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # torch gives it no types


class _Reduced(torch.autograd.Function):
    """Sums in half precision: a fault that is none of TF32's."""

    @staticmethod
    def forward(ctx, input: Tensor, weight: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # as above
        ctx.save_for_backward(input, weight)
        return functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]  # as above
        input, weight = ctx.saved_tensors
        sizes, shape = tuple(weight.shape), tuple(input.shape)
        half = grad_output.bfloat16()
        dK = conv2d_weight(input.bfloat16(), sizes, half)
        return conv2d_input(shape, weight, grad_output), dK.to(weight.dtype)


def reduced(input: Tensor, weight: Tensor) -> Tensor:
    """DK is computed from operands of eight bits."""
    return _Reduced.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # as above
